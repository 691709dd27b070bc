//! Bundles: a repository in one file, for delivery.

use std::path::Path;

use crate::error::{GitError, run_blocking};
use crate::repository::ProjectRepository;
use crate::repository::refs::check_ref;

impl ProjectRepository {
    /// Writes the complete history of `refs` (full names) into the bundle `dest` and verifies it.
    ///
    /// The bundle is written beside `dest` and renamed once it is verified, so `dest` is never
    /// incomplete; an existing file is replaced. With `refs/heads/main` among `refs`, `git clone`
    /// of the file checks it out.
    pub async fn write_bundle(&self, dest: &Path, refs: &[&str]) -> Result<(), GitError> {
        refs.iter().try_for_each(|name| check_ref(name))?;
        let name = dest.file_name().unwrap_or_default().to_string_lossy();
        let making = dest.with_file_name(format!(".{name}.making"));
        let verified = self.write_verified(&making, refs).await;
        let to = dest.to_owned();
        run_blocking(move || match verified {
            Ok(()) => std::fs::File::open(&making)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&making, &to))
                .map_err(GitError::io("put in place", &to)),
            Err(why) => {
                // The incomplete file is useless, and a full disk is a common cause.
                let _ = std::fs::remove_file(&making);
                Err(why)
            }
        })
        .await
    }

    async fn write_verified(&self, making: &Path, refs: &[&str]) -> Result<(), GitError> {
        // A clone checks out HEAD, and HEAD is main.
        let head = refs.contains(&"refs/heads/main").then_some("HEAD");
        self.git_command("bundle")
            .args(["create", "--quiet"])
            .arg(making)
            .args(head)
            .args(refs)
            .stdout()
            .await?;
        self.git_command("bundle")
            .args(["verify", "--quiet"])
            .arg(making)
            .stdout()
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::GitError;
    use crate::test_repo::TestRepo;

    #[tokio::test]
    async fn a_bundle_can_be_cloned_and_a_failed_write_keeps_the_old_one() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let (repository, dest) = (&repo.repository, repo.path("shop.bundle"));
        repository.set_ref("refs/heads/main", &base).await.unwrap();
        repository
            .create_tag("v1", &base, &TestRepo::signature(), "first")
            .await
            .unwrap();
        repository
            .write_bundle(&dest, &["refs/heads/main", "refs/tags/v1"])
            .await
            .unwrap();
        let failed = repository.write_bundle(&dest, &["refs/heads/none"]).await;
        assert!(matches!(failed.unwrap_err(), GitError::Failed { .. }));
        let root = repo.path("");
        repo.git_text(&root, &["clone", "--quiet", "shop.bundle", "copy"])
            .await;
        assert_eq!(std::fs::read_to_string(repo.path("copy/a")).unwrap(), "1");
        assert_eq!(repo.git_text(&repo.path("copy"), &["tag"]).await, "v1");
        assert!(!repo.path(".shop.bundle.making").exists());
    }
}

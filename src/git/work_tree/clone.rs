//! An agent's own clone.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{GitError, run_blocking};
use crate::git_command::GitCommand;
use crate::identity::GitIdentity;
use crate::remove_tree::remove_tree;
use crate::repository::refs::branch_ref;
use crate::repository::{
    ATTRIBUTES, ProjectRepository, create_unfinished, remove_unfinished, rename_into_place,
};
use eklavya_core::ids::commit::CommitId;

/// The result of [`ProjectRepository::clone_for_agent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneOutcome {
    /// The clone was created.
    Made,
    /// A clone existed, perhaps with work in it; it was left unchanged.
    AlreadyExists,
}

impl ProjectRepository {
    /// Creates a clone at the absolute `dest` that shares nothing with this repository: the history
    /// of `base`, checked out on `branch`, without a remote, without hooks (an empty directory),
    /// with `identity` in its own configuration.
    ///
    /// It is created under a temporary name, passed to `hand_over` and renamed when complete, so
    /// that a clone at `dest` always belongs to its agent; after a crash, an unfinished one is
    /// created again. A complete one at `dest` stays unchanged, and anything else except an empty
    /// directory is [`GitError::Occupied`]. One caller at a time per `dest`.
    pub async fn clone_for_agent(
        &self,
        dest: &Path,
        base: &CommitId,
        branch: &str,
        identity: &GitIdentity,
        hand_over: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<CloneOutcome, GitError> {
        let refname = branch_ref(branch)?;
        if dest.join(".git").is_dir() {
            return Ok(CloneOutcome::AlreadyExists);
        }
        remove_unfinished(dest).await?;
        let making = create_unfinished(dest).await?;
        self.init_clone(&making, branch, identity).await?;
        self.check_out(&making, base, &refname).await?;
        hand_over(&making).map_err(GitError::io("hand over", &making))?;
        let (from, to) = (making.clone(), dest.to_owned());
        match run_blocking(move || rename_into_place(&from, &to)).await {
            Err(GitError::Occupied { .. }) if dest.join(".git").is_dir() => {
                remove_tree(&making).await?;
                Ok(CloneOutcome::AlreadyExists)
            }
            placed => placed.map(|()| CloneOutcome::Made),
        }
    }

    async fn init_clone(
        &self,
        making: &Path,
        branch: &str,
        identity: &GitIdentity,
    ) -> Result<(), GitError> {
        self.clone_command(making, "init")
            .args(["--quiet", "--template="])
            .arg(format!("--initial-branch={branch}"))
            .stdout()
            .await?;
        for (key, value) in [
            ("user.name", identity.name()),
            ("user.email", identity.email()),
            ("gc.auto", "0"),
        ] {
            self.clone_command(making, "config")
                .args(["--local", key, value])
                .stdout()
                .await?;
        }
        let place = making.to_owned();
        run_blocking(move || prepare_clone(&place)).await
    }

    async fn check_out(
        &self,
        making: &Path,
        base: &CommitId,
        refname: &str,
    ) -> Result<(), GitError> {
        // A fetch always copies; a local clone would hard-link the object files.
        self.clone_command(making, "fetch")
            .args(["--quiet", "--no-tags"])
            .args(["--no-write-fetch-head", "--update-head-ok"])
            .arg(self.path())
            .arg(format!("{base}:{refname}"))
            .stdout()
            .await?;
        self.clone_command(making, "read-tree")
            .args(["--reset", "-u", "HEAD"])
            .stdout()
            .await?;
        Ok(())
    }

    /// Returns a git command in a clone that no agent has written to yet.
    fn clone_command(&self, clone: &Path, what: &str) -> GitCommand {
        let call = self.git().command(clone, what);
        call.env("GIT_DIR", clone.join(".git"))
            .env("GIT_WORK_TREE", clone)
    }
}

/// Makes the clone private to its owner. The sandbox mounts the hooks directory read-only, so it
/// must exist; the attributes keep files byte for byte as the snapshots record them.
fn prepare_clone(clone: &Path) -> Result<(), GitError> {
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(clone, private).map_err(GitError::io("close", clone))?;
    let git_directory = clone.join(".git");
    for name in ["hooks", "info"] {
        let directory = git_directory.join(name);
        std::fs::create_dir_all(&directory).map_err(GitError::io("make", &directory))?;
    }
    let attributes = git_directory.join("info/attributes");
    std::fs::write(&attributes, ATTRIBUTES).map_err(GitError::io("write", &attributes))
}

#[cfg(test)]
mod tests {
    use super::{CloneOutcome, GitError};
    use crate::GitIdentity;
    use crate::test_repo::TestRepo;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::{fs, io};

    #[tokio::test]
    async fn a_clone_has_files_a_branch_and_an_identity_but_no_remote() {
        let repo = TestRepo::new().await;
        let base = repo
            .commit(
                "base",
                &[
                    ("src/a.txt", "one\r\n"),
                    (".gitattributes", "* text eol=lf\n"),
                ],
            )
            .await;
        let clone = repo.clone_of(&base).await;
        assert_eq!(fs::read(clone.join("src/a.txt")).unwrap(), b"one\r\n");
        assert_eq!(repo.git_text(&clone, &["status", "--porcelain"]).await, "");
        assert_eq!(
            repo.git_text(&clone, &["branch", "--show-current"]).await,
            "work"
        );
        assert_eq!(
            repo.git_text(&clone, &["log", "--format=%H"]).await,
            base.to_string()
        );
        assert_eq!(
            repo.git_text(&clone, &["config", "user.name"]).await,
            "Agent One"
        );
        assert_eq!(repo.git_text(&clone, &["remote"]).await, "");
        assert_eq!(fs::read_dir(clone.join(".git/hooks")).unwrap().count(), 0);
        assert!(!clone.join(".git/objects/info/alternates").exists());
        let mode = fs::metadata(&clone).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[tokio::test]
    async fn an_unfinished_clone_is_replaced_and_a_complete_one_is_kept() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let half = repo.path(".clone.making/.git");
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("HEAD"), "rubbish").unwrap();
        let clone = repo.clone_of(&base).await;
        fs::write(clone.join("a"), "work").unwrap();
        let who = GitIdentity::new("Agent One", "one@localhost");
        let again = repo
            .repository
            .clone_for_agent(&clone, &base, "work", &who, |_| Ok(()))
            .await
            .unwrap();
        assert_eq!(again, CloneOutcome::AlreadyExists);
        assert_eq!(fs::read_to_string(clone.join("a")).unwrap(), "work");
        assert!(!repo.path(".clone.making").exists());
    }

    #[tokio::test]
    async fn a_clone_gets_its_final_name_only_after_the_hand_over() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let (dest, who) = (repo.path("clone"), GitIdentity::orchestrator());
        let fails = |making: &Path| {
            assert!(making.join("a").exists() && !dest.exists());
            Err(io::Error::other("cut short"))
        };
        let made = repo
            .repository
            .clone_for_agent(&dest, &base, "work", &who, fails);
        assert!(matches!(made.await.unwrap_err(), GitError::Io { .. }));
        assert!(!dest.exists());
        repo.clone_of(&base).await;
        assert!(dest.join("a").exists());
    }

    #[tokio::test]
    async fn a_clone_never_replaces_another_directory() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        fs::create_dir(repo.path("clone")).unwrap();
        fs::write(repo.path("clone/precious"), "x").unwrap();
        let who = GitIdentity::orchestrator();
        let made = repo
            .repository
            .clone_for_agent(&repo.path("clone"), &base, "work", &who, |_| Ok(()))
            .await;
        assert!(matches!(made.unwrap_err(), GitError::Occupied { .. }));
        assert!(repo.path("clone/precious").exists());
    }
}

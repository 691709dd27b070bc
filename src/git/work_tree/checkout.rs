//! The plain files of a commit, for throwaway runs.

use std::fs;
use std::path::Path;

use crate::error::{GitError, run_blocking};
use crate::git_command::GitCommand;
use crate::repository::ProjectRepository;
use eklavya_core::ids::commit::CommitId;

impl ProjectRepository {
    /// Writes the files of `commit` into `dest`, which is created or an empty directory.
    ///
    /// Links stay links, nothing is filtered or converted, and there is no `.git`.
    pub async fn checkout_tree(&self, commit: &CommitId, dest: &Path) -> Result<(), GitError> {
        let directory = dest.to_owned();
        run_blocking(move || ensure_empty_dir(&directory)).await?;
        let scratch = self.create_scratch_dir()?;
        let index = scratch.path().join("index");
        let call = |what| -> GitCommand {
            let call = self.git().command(dest, what).env("GIT_DIR", self.path());
            call.env("GIT_WORK_TREE", dest)
                .env("GIT_INDEX_FILE", &index)
        };
        call("read-tree").arg(commit.as_str()).stdout().await?;
        call("checkout-index")
            .args(["--all", "--quiet"])
            .stdout()
            .await?;
        Ok(())
    }
}

fn ensure_empty_dir(directory: &Path) -> Result<(), GitError> {
    fs::create_dir_all(directory).map_err(GitError::io("make", directory))?;
    let mut entries = fs::read_dir(directory).map_err(GitError::io("read", directory))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(GitError::Occupied {
            path: directory.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::GitError;
    use crate::test_repo::TestRepo;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn files_are_checked_out_byte_for_byte() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let tree = repo.write_tree(&[
            ("crlf.txt", b"a\r\nb\r\n"),
            (
                ".gitattributes",
                b"* text eol=lf ident filter=evil working-tree-encoding=UTF-16\n",
            ),
            ("$Id$", b"$Id$"),
            ("new\nline", b"x"),
        ]);
        symlink("/etc/passwd", tree.join("link")).unwrap();
        let commit = repo.snapshot(&tree, &base).await.commit;
        let out = repo.path("out");
        repo.repository.checkout_tree(&commit, &out).await.unwrap();
        assert_eq!(fs::read(out.join("crlf.txt")).unwrap(), b"a\r\nb\r\n");
        assert_eq!(fs::read(out.join("$Id$")).unwrap(), b"$Id$");
        assert_eq!(
            fs::read_link(out.join("link")).unwrap().to_str(),
            Some("/etc/passwd")
        );
        assert!(out.join("new\nline").exists() && !out.join("a").exists());
        assert!(!out.join(".git").exists());
        let again = repo.repository.checkout_tree(&commit, &out).await;
        assert!(matches!(again.unwrap_err(), GitError::Occupied { .. }));
    }
}

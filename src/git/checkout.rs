//! The plain files of a commit, for throw-away runs.

use std::fs;
use std::path::Path;

use super::call::Call;
use super::error::{VcsError, blocking};
use super::repository::Repository;
use eklavya_core::domain::commit::CommitId;

impl Repository {
    /// Writes the files of `commit` into `dest`, which is made, or is an empty directory.
    ///
    /// Links stay links, nothing is filtered or converted, and there is no `.git`.
    pub async fn checkout_tree(&self, commit: &CommitId, dest: &Path) -> Result<(), VcsError> {
        let directory = dest.to_owned();
        blocking(move || make_empty(&directory)).await?;
        let scratch = self.scratch()?;
        let index = scratch.path().join("index");
        let call = |what| -> Call {
            let call = self.git().call(dest, what).env("GIT_DIR", self.path());
            call.env("GIT_WORK_TREE", dest)
                .env("GIT_INDEX_FILE", &index)
        };
        call("read-tree").arg(commit.as_str()).output().await?;
        call("checkout-index")
            .args(["--all", "--quiet"])
            .output()
            .await?;
        Ok(())
    }
}

fn make_empty(directory: &Path) -> Result<(), VcsError> {
    fs::create_dir_all(directory).map_err(VcsError::io("make", directory))?;
    let mut entries = fs::read_dir(directory).map_err(VcsError::io("read", directory))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(VcsError::Occupied {
            path: directory.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::VcsError;
    use crate::fixture::Bench;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn the_files_come_out_as_they_went_in() {
        let bench = Bench::new().await;
        let base = bench.commit("base", &[("a", "1")]).await;
        let tree = bench.tree(&[
            ("crlf.txt", b"a\r\nb\r\n"),
            (
                ".gitattributes",
                b"* text eol=lf ident filter=evil working-tree-encoding=UTF-16\n",
            ),
            ("$Id$", b"$Id$"),
            ("new\nline", b"x"),
        ]);
        symlink("/etc/passwd", tree.join("link")).unwrap();
        let commit = bench.snapshot(&tree, &base).await.commit;
        let out = bench.path("out");
        bench.repository.checkout_tree(&commit, &out).await.unwrap();
        assert_eq!(fs::read(out.join("crlf.txt")).unwrap(), b"a\r\nb\r\n");
        assert_eq!(fs::read(out.join("$Id$")).unwrap(), b"$Id$");
        assert_eq!(
            fs::read_link(out.join("link")).unwrap().to_str(),
            Some("/etc/passwd")
        );
        assert!(out.join("new\nline").exists() && !out.join("a").exists());
        assert!(!out.join(".git").exists());
        let again = bench.repository.checkout_tree(&commit, &out).await;
        assert!(matches!(again.unwrap_err(), VcsError::Occupied { .. }));
    }
}

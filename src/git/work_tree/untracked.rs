//! Removes files of a work tree that are not part of the work.

use std::collections::HashSet;
use std::path::Path;

use rustix::fs::FileType;

use crate::error::{GitError, run_blocking};
use crate::repository::ProjectRepository;
use crate::work_tree::untrusted_tree::{UntrustedTree, VisitAction, WalkEntry};
use eklavya_core::ids::commit::CommitId;

impl ProjectRepository {
    /// Removes the regular files of the work tree at `root` whose names match `unwanted`, except
    /// those that `base` has, and returns the removed paths. `.git` is not entered, and no link is
    /// followed.
    ///
    /// No process may be writing to the tree.
    pub async fn remove_untracked(
        &self,
        root: &Path,
        base: &CommitId,
        unwanted: fn(&[u8]) -> bool,
    ) -> Result<Vec<String>, GitError> {
        let place = root.to_owned();
        let found =
            run_blocking(move || find_unwanted(&UntrustedTree::open(&place)?, unwanted)).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let known: HashSet<String> = self.list_files(base).await?.into_iter().collect();
        let place = root.to_owned();
        run_blocking(move || {
            Ok(remove_unknown(
                &UntrustedTree::open(&place)?,
                &found,
                &known,
            ))
        })
        .await
    }
}

/// Removes the files that are not `known`. Returns their paths.
fn remove_unknown(tree: &UntrustedTree, found: &[Vec<u8>], known: &HashSet<String>) -> Vec<String> {
    let mut removed = Vec::new();
    for path in found {
        let shown = String::from_utf8_lossy(path).into_owned();
        if known.contains(&shown) {
            continue;
        }
        match tree.remove(path) {
            Ok(()) => removed.push(shown),
            // Its directory may be read-only, which the agent must fix.
            Err(error) => tracing::warn!("{error}"),
        }
    }
    removed
}

fn find_unwanted(
    tree: &UntrustedTree,
    unwanted: fn(&[u8]) -> bool,
) -> Result<Vec<Vec<u8>>, GitError> {
    let mut found = Vec::new();
    let visit = |seen: &WalkEntry<'_>| {
        if seen.path == b".git" {
            return Ok(VisitAction::Skip);
        }
        if seen.kind() == FileType::RegularFile && unwanted(seen.name) {
            found.push(seen.path.to_owned());
        }
        Ok(VisitAction::Enter)
    };
    tree.walk(visit, |_, _| {})?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::test_repo::TestRepo;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn only_untracked_plain_files_are_removed() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("kept/old.tmp", "1")]).await;
        let files: [(&str, &[u8]); 4] = [
            ("kept/old.tmp", b"1"),
            ("kept/new.tmp", b"2"),
            ("a.txt", b"3"),
            (".git/x.tmp", b"4"),
        ];
        let tree = repo.write_tree(&files);
        let outside = repo.path("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("b.tmp"), "5").unwrap();
        symlink(&outside, tree.join("link")).unwrap();
        symlink(outside.join("b.tmp"), tree.join("c.tmp")).unwrap();
        let repository = &repo.repository;
        let removed = repository
            .remove_untracked(&tree, &base, |name| name.ends_with(b".tmp"))
            .await
            .unwrap();
        assert_eq!(removed, ["kept/new.tmp"]);
        for kept in ["kept/old.tmp", "a.txt", ".git/x.tmp", "c.tmp"] {
            assert!(tree.join(kept).exists(), "{kept}");
        }
        assert!(outside.join("b.tmp").exists() && !tree.join("kept/new.tmp").exists());
    }
}

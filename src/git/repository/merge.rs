//! Merges without a work tree.

use crate::error::GitError;
use crate::identity::{GitIdentity, GitSignature};
use crate::repository::ProjectRepository;
use eklavya_core::ids::commit::CommitId;

/// The result of a merge. It moves no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeOutcome {
    /// `ours` already contains `theirs`.
    AlreadyMerged,
    /// `theirs` descends from `ours`, which can be fast-forwarded to this commit.
    FastForward(CommitId),
    /// A new commit with both as parents.
    Clean(CommitId),
    /// A person or an agent must resolve conflicts.
    Conflict {
        /// A merge commit whose conflicting files contain conflict markers.
        marked: CommitId,
        /// The conflicting paths; invalid UTF-8 is replaced by U+FFFD.
        paths: Vec<String>,
        /// Git's messages about them, for people and agents.
        detail: String,
    },
}

impl ProjectRepository {
    /// Merges `theirs` into `ours` line by line, without merge drivers; renames are followed.
    pub async fn merge(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
        author: &GitSignature,
        message: &str,
    ) -> Result<MergeOutcome, GitError> {
        if self.is_ancestor(theirs, ours).await? {
            return Ok(MergeOutcome::AlreadyMerged);
        }
        if self.is_ancestor(ours, theirs).await? {
            return Ok(MergeOutcome::FastForward(theirs.clone()));
        }
        let options = ["-z", "--name-only", "--no-messages"];
        let (clean, output) = self.merge_tree(&options, ours, theirs).await?;
        let mut parts = output.split(|byte| *byte == 0);
        let tree = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        let parents = [ours.clone(), theirs.clone()];
        if clean {
            let merged = self.commit_tree(&tree, &parents, author, message).await?;
            return Ok(MergeOutcome::Clean(merged));
        }
        let paths = parts.filter(|path| !path.is_empty());
        let paths = paths
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        let detail = self.describe_conflict(ours, theirs).await?;
        let marked = self.commit_tree(&tree, &parents, author, message).await?;
        Ok(MergeOutcome::Conflict {
            marked,
            paths,
            detail,
        })
    }

    /// Returns git's messages about a merge.
    async fn describe_conflict(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<String, GitError> {
        let options = ["--name-only", "--messages"];
        let (_, output) = self.merge_tree(&options, ours, theirs).await?;
        let messages = String::from_utf8_lossy(&output).into_owned();
        // The messages follow the first empty line.
        Ok(messages
            .split_once("\n\n")
            .map_or("", |(_, messages)| messages.trim())
            .to_owned())
    }

    /// Returns the paths of the files of `commit` that still contain conflict markers of
    /// [`ProjectRepository::merge`]; invalid UTF-8 is replaced by U+FFFD.
    pub async fn unresolved_paths(&self, commit: &CommitId) -> Result<Vec<String>, GitError> {
        // Our markers name the commits of both sides, so no other text matches by chance.
        let pattern = "^(<<<<<<<|>>>>>>>) [0-9a-f]{40}";
        let options = ["-z", "--files-with-matches", "-E", "-e", pattern];
        let call = self.git_command("grep").args(options).arg(commit.as_str());
        let output = call.run().await?;
        match output.status.code() {
            Some(0) => {}
            Some(1) => return Ok(Vec::new()),
            _ => return Err(output.into_error("grep", self.path())),
        }
        let prefix = format!("{commit}:");
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(found
            .split_terminator('\0')
            .map(|path| path.strip_prefix(&prefix).unwrap_or(path).to_owned())
            .collect())
    }

    /// Returns a commit with the files of `work` and the parents of `base`: an agent's repair of a
    /// conflicting or failing merge, without the original merge in its history.
    pub async fn commit_with_parents_of(
        &self,
        work: &CommitId,
        base: &CommitId,
        author: &GitSignature,
        message: &str,
    ) -> Result<CommitId, GitError> {
        let call = self
            .git_command("rev-list")
            .args(["--parents", "--max-count=1", base.as_str()]);
        let printed = String::from_utf8_lossy(&call.stdout().await?).into_owned();
        let parents = printed
            .split_ascii_whitespace()
            .skip(1)
            .map(|parent| self.parse_id("rev-list", parent.as_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        let tree = format!("{work}^{{tree}}");
        self.commit_tree(&tree, &parents, author, message).await
    }

    /// Returns whether the merge is clean, and git's output.
    async fn merge_tree(
        &self,
        options: &[&str],
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<(bool, Vec<u8>), GitError> {
        let call = self
            .git_command("merge-tree")
            .arg("--write-tree")
            .args(options);
        let output = call.args([ours.as_str(), theirs.as_str()]).run().await?;
        match output.status.code() {
            Some(0) => Ok((true, output.stdout)),
            Some(1) => Ok((false, output.stdout)),
            _ => Err(output.into_error("merge-tree", self.path())),
        }
    }

    async fn commit_tree(
        &self,
        tree: &str,
        parents: &[CommitId],
        author: &GitSignature,
        message: &str,
    ) -> Result<CommitId, GitError> {
        let (who, committer) = (author.identity(), GitIdentity::orchestrator());
        let call = self
            .git_command("commit-tree")
            .args(parents.iter().flat_map(|parent| ["-p", parent.as_str()]))
            .args(["-F", "-"])
            .arg(tree)
            .env("GIT_AUTHOR_NAME", who.name())
            .env("GIT_AUTHOR_EMAIL", who.email())
            .env("GIT_AUTHOR_DATE", author.date())
            .env("GIT_COMMITTER_NAME", committer.name())
            .env("GIT_COMMITTER_EMAIL", committer.email())
            .env("GIT_COMMITTER_DATE", author.date());
        let message = format!("{}\n", message.replace('\0', ""));
        let printed = call.input(message.into_bytes()).stdout().await?;
        self.parse_id("commit-tree", &printed)
    }
}

#[cfg(test)]
mod tests {
    use super::MergeOutcome;
    use crate::CommitId;
    use crate::test_repo::TestRepo;

    async fn merge(repo: &TestRepo, ours: &CommitId, theirs: &CommitId) -> MergeOutcome {
        repo.repository
            .merge(ours, theirs, &TestRepo::signature(), "Merge it")
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn two_changes_of_different_files_merge() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1\n"), ("b", "1\n")]).await;
        let ours = repo.commit_on(&base, "ours", &[("a", "2\n")]).await;
        let theirs = repo.commit_on(&base, "theirs", &[("b", "2\n")]).await;
        let MergeOutcome::Clean(merged) = merge(&repo, &ours, &theirs).await else {
            panic!()
        };
        for file in ["a", "b"] {
            let content = repo.repository.read_file(&merged, file, 9).await.unwrap();
            assert_eq!(content.unwrap(), b"2\n");
        }
        assert!(repo.repository.is_ancestor(&theirs, &merged).await.unwrap());
        assert_eq!(
            merge(&repo, &merged, &theirs).await,
            MergeOutcome::AlreadyMerged
        );
        assert_eq!(
            merge(&repo, &ours, &merged).await,
            MergeOutcome::FastForward(merged)
        );
    }

    #[tokio::test]
    async fn a_conflict_names_its_paths_until_they_are_resolved() {
        let repo = TestRepo::new().await;
        let attributes = ("odd\nname", "* merge=union\n");
        let base = repo.commit("base", &[("a", "1\n"), attributes]).await;
        let edits = |content| [("a", content), ("odd\nname", content)];
        let ours = repo.commit_on(&base, "ours", &edits("2\n")).await;
        let theirs = repo.commit_on(&base, "theirs", &edits("3\n")).await;
        let MergeOutcome::Conflict {
            marked,
            paths,
            detail,
        } = merge(&repo, &ours, &theirs).await
        else {
            panic!()
        };
        assert_eq!(paths, ["a", "odd\nname"]);
        assert!(
            detail.contains("CONFLICT (content): Merge conflict in a"),
            "{detail}"
        );
        let both = repo
            .repository
            .read_file(&marked, "a", 1000)
            .await
            .unwrap()
            .unwrap();
        let both = String::from_utf8(both).unwrap();
        assert!(
            both.contains("<<<<<<<") && both.contains("2\n") && both.contains("3\n"),
            "{both}"
        );
        let unresolved = async |commit| repo.repository.unresolved_paths(commit).await.unwrap();
        assert_eq!(unresolved(&marked).await, ["a", "odd\nname"]);
        let half = [("a", "2\n=======\n<<<<<<< HEAD\n")];
        let half = repo.commit_on(&marked, "half", &half).await;
        assert_eq!(unresolved(&half).await, ["odd\nname"]);
        assert_eq!(unresolved(&ours).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_repair_commit_gets_the_parents_of_the_conflicted_merge() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1\n")]).await;
        let ours = repo.commit_on(&base, "ours", &[("a", "2\n")]).await;
        let theirs = repo.commit_on(&base, "theirs", &[("a", "3\n")]).await;
        let MergeOutcome::Conflict { marked, .. } = merge(&repo, &ours, &theirs).await else {
            panic!()
        };
        let repair = repo
            .commit_on(&marked, "repair", &[("a", "2 and 3\n")])
            .await;
        let signature = TestRepo::signature();
        let planted = repo
            .repository
            .commit_with_parents_of(&repair, &marked, &signature, "Repair")
            .await
            .unwrap();
        assert!(repo.repository.is_ancestor(&ours, &planted).await.unwrap());
        assert!(
            repo.repository
                .is_ancestor(&theirs, &planted)
                .await
                .unwrap()
        );
        assert!(
            !repo
                .repository
                .is_ancestor(&marked, &planted)
                .await
                .unwrap()
        );
        let file = repo
            .repository
            .read_file(&planted, "a", 100)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(file, b"2 and 3\n");
    }

    #[tokio::test]
    async fn attributes_of_the_tree_choose_no_merge_driver() {
        let repo = TestRepo::new().await;
        let base = repo
            .commit(
                "base",
                &[(".gitattributes", "* merge=union\n"), ("a", "1\n")],
            )
            .await;
        let ours = repo.commit_on(&base, "ours", &[("a", "2\n")]).await;
        let theirs = repo.commit_on(&base, "theirs", &[("a", "3\n")]).await;
        let merged = merge(&repo, &ours, &theirs).await;
        assert!(
            matches!(merged, MergeOutcome::Conflict { .. }),
            "{merged:?}"
        );
    }
}

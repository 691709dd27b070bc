//! Reads commits: changes, authors, and file contents.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::GitError;
use crate::repository::ProjectRepository;
use eklavya_core::ids::commit::CommitId;

/// A commit in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitInfo {
    pub id: CommitId,
    /// The author's name, without control characters. Not authenticated: an agent can write any
    /// name.
    pub author: String,
    /// The author date; 1970 if it is invalid.
    pub at: Timestamp,
    /// The first line of the message, without control characters.
    pub subject: String,
}

impl ProjectRepository {
    /// Returns the commits of `to` that `from` does not have (`None`: all), newest first, at most
    /// `limit`.
    pub async fn log(
        &self,
        from: Option<&CommitId>,
        to: &CommitId,
        limit: usize,
    ) -> Result<Vec<CommitInfo>, GitError> {
        let format = "--format=tformat:%H%x00%an%x00%at%x00%s";
        let call =
            self.git_command("log")
                .args(["-z", "--no-show-signature", "--no-mailmap", format]);
        let call = call.arg(format!("--max-count={limit}")).arg(to.as_str());
        let printed = call
            .args(from.map(|from| format!("^{from}")))
            .arg("--")
            .stdout()
            .await?;
        let fields: Vec<&[u8]> = printed.split(|byte| *byte == 0).collect();
        fields
            .chunks_exact(4)
            .map(|commit| self.parse_commit(commit))
            .collect()
    }

    fn parse_commit(&self, fields: &[&[u8]]) -> Result<CommitInfo, GitError> {
        let seconds = String::from_utf8_lossy(fields[2]).parse().unwrap_or(0);
        Ok(CommitInfo {
            id: self.parse_id("log", fields[0])?,
            author: printable(fields[1]),
            at: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
            subject: printable(fields[3]),
        })
    }

    /// Returns the content of the regular file at `path` in `commit`; `None` if there is no regular
    /// file, [`GitError::FileTooLarge`] above `max_bytes`.
    pub async fn read_file(
        &self,
        commit: &CommitId,
        path: &str,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let Some((id, bytes)) = self.find_blob(commit, path).await? else {
            return Ok(None);
        };
        if bytes > max_bytes {
            let (path, commit) = (path.to_owned(), commit.clone());
            return Err(GitError::FileTooLarge {
                path,
                commit,
                bytes,
                limit: max_bytes,
            });
        }
        self.git_command("cat-file")
            .args(["blob", &id])
            .stdout()
            .await
            .map(Some)
    }

    /// Returns the id and the size of the regular file at `path`.
    async fn find_blob(
        &self,
        commit: &CommitId,
        path: &str,
    ) -> Result<Option<(String, u64)>, GitError> {
        let call = self
            .git_command("ls-tree")
            .env("GIT_LITERAL_PATHSPECS", "1");
        let call = call.args(["-z", "--long", "--full-tree", commit.as_str(), "--", path]);
        let listed = String::from_utf8_lossy(&call.stdout().await?).into_owned();
        let entry = listed.trim_end_matches('\0').split_once('\t');
        let Some((head, _)) = entry.filter(|(_, name)| *name == path) else {
            return Ok(None);
        };
        let words: Vec<&str> = head.split_ascii_whitespace().collect();
        Ok(match words[..] {
            ["100644" | "100755", "blob", id, size] => {
                Some((id.to_owned(), size.parse().unwrap_or(u64::MAX)))
            }
            _ => None,
        })
    }

    /// Returns those of `paths` that exist in `commit` and are not directories: files, links,
    /// submodules.
    pub async fn list_non_directories(
        &self,
        commit: &CommitId,
        paths: &[&str],
    ) -> Result<Vec<String>, GitError> {
        let call = self
            .git_command("ls-tree")
            .env("GIT_LITERAL_PATHSPECS", "1");
        let call = call.args(["-z", "--full-tree", commit.as_str(), "--"]);
        let listed = call.args(paths).stdout().await?;
        Ok(String::from_utf8_lossy(&listed)
            .split_terminator('\0')
            .filter_map(|entry| entry.split_once('\t'))
            .filter(|(head, _)| !head.starts_with("040000 "))
            .map(|(_, path)| path.to_owned())
            .collect())
    }

    /// Returns the paths of all files of `commit`, sorted by bytes; invalid UTF-8 is replaced by
    /// U+FFFD.
    pub async fn list_files(&self, commit: &CommitId) -> Result<Vec<String>, GitError> {
        let call = self
            .git_command("ls-tree")
            .args(["-r", "-z", "--name-only", commit.as_str()]);
        Ok(split_paths(&call.stdout().await?))
    }

    /// Returns the paths that differ between `base` and `commit`.
    pub async fn changed_files(
        &self,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<Vec<String>, GitError> {
        Ok(split_paths(&self.diff(base, commit, "--name-only").await?))
    }

    /// Returns the paths changed between `base` and `commit` that are neither at nor below one of
    /// `allowed` (paths from the root; `.` is the root): changes outside a role's permissions.
    pub async fn paths_outside(
        &self,
        commit: &CommitId,
        base: &CommitId,
        allowed: &[&str],
    ) -> Result<Vec<String>, GitError> {
        let changed = self.changed_files(base, commit).await?;
        let within = |path: &String| allowed.iter().any(|prefix| is_within(path, prefix));
        Ok(changed.into_iter().filter(|path| !within(path)).collect())
    }

    async fn diff(
        &self,
        base: &CommitId,
        commit: &CommitId,
        form: &str,
    ) -> Result<Vec<u8>, GitError> {
        let call =
            self.git_command("diff-tree")
                .args(["-r", "-z", "--no-renames", "--no-ext-diff"]);
        call.args(["--no-textconv", form, base.as_str(), commit.as_str(), "--"])
            .stdout()
            .await
    }

    /// Returns the id of the tree of `commit`.
    pub(crate) async fn tree_of(&self, commit: &CommitId) -> Result<String, GitError> {
        self.git_command("rev-parse")
            .args(["--verify", &format!("{commit}^{{tree}}")])
            .text()
            .await
    }
}

fn split_paths(listed: &[u8]) -> Vec<String> {
    let paths = listed
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty());
    paths
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect()
}

fn is_within(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    prefix == "."
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{GitError, is_within};
    use crate::test_repo::TestRepo;

    #[tokio::test]
    async fn changes_outside_the_paths_of_a_role_are_found() {
        let repo = TestRepo::new().await;
        let base = repo
            .commit("base", &[("docs/a", "1"), ("src/a", "1")])
            .await;
        let next = repo
            .commit_on(
                &base,
                "next",
                &[("docs/b", "2"), ("docs2", "x"), ("src/a", "2")],
            )
            .await;
        let refused = repo
            .repository
            .paths_outside(&next, &base, &["docs"])
            .await
            .unwrap();
        assert_eq!(refused, ["docs2", "src/a"]);
        assert!(
            repo.repository
                .paths_outside(&next, &base, &["."])
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            repo.repository
                .paths_outside(&next, &base, &[])
                .await
                .unwrap()
                .len(),
            3
        );
        assert!(is_within("docs/x", "docs/") && !is_within("docsx", "docs"));
        assert!(!is_within("docs/x", ""));
    }

    #[tokio::test]
    async fn a_file_is_read_up_to_the_size_limit() {
        let repo = TestRepo::new().await;
        let files = [("a/b", "12345"), (":(glob)*", "odd")];
        let base = repo.commit("base", &files).await;
        let read = async |path: &str| repo.repository.read_file(&base, path, 5).await;
        assert_eq!(read("a/b").await.unwrap().unwrap(), b"12345");
        assert_eq!(read(":(glob)*").await.unwrap().unwrap(), b"odd");
        for none in ["a", "a/", "a/b/c", "*", "../a/b", "/a/b", ""] {
            assert!(!matches!(read(none).await, Ok(Some(_))), "{none:?}");
        }
        let error = repo
            .repository
            .read_file(&base, "a/b", 4)
            .await
            .unwrap_err();
        assert!(matches!(
            error,
            GitError::FileTooLarge {
                bytes: 5,
                limit: 4,
                ..
            }
        ));
    }

    #[tokio::test]
    async fn the_log_is_newest_first_and_has_no_control_characters() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[("a", "1\n2\n")]).await;
        let next = repo
            .commit_on(&base, "evil \u{1b}[2J\n\nbody", &[("a", "1\n3\n4\n")])
            .await;
        let log = repo.repository.log(Some(&base), &next, 10).await.unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!(
            (log[0].id.clone(), log[0].subject.as_str()),
            (next.clone(), "evil [2J")
        );
        assert_eq!(
            (log[0].author.as_str(), log[0].at),
            ("Agent One", TestRepo::now())
        );
        assert_eq!(repo.repository.log(None, &next, 10).await.unwrap().len(), 2);
        assert_eq!(repo.repository.log(None, &next, 1).await.unwrap().len(), 1);
    }
}

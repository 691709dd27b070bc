//! Makes commits from bytes, without a work tree or an index, through git's import stream.
//!
//! Git sees only the stream, so no file, attribute or configuration of an agent can influence it.
//! The format is that of `git fast-import`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::refs::branch_ref;
use crate::error::{GitError, run_blocking};
use crate::excluded_names;
use crate::identity::{GitIdentity, GitSignature};
use crate::repository::{ProjectRepository, remove_entries};
use eklavya_core::ids::commit::CommitId;

/// The stream requires a reference name; this reference is never written.
const UNWRITTEN: &str = "refs/eklavya/unwritten";

/// The mode of a file in a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileMode {
    Plain,
    Executable,
    Link,
}

impl FileMode {
    fn digits(self) -> &'static str {
        match self {
            FileMode::Plain => "100644",
            FileMode::Executable => "100755",
            FileMode::Link => "120000",
        }
    }
}

/// The metadata of a new commit.
#[derive(Debug, Clone)]
pub(crate) struct CommitHeader {
    pub(crate) parent: Option<CommitId>,
    pub(crate) author: GitSignature,
    pub(crate) message: String,
}

/// Copies the files of a commit. Fails if git or a file system would treat a path specially.
fn own_plain_files(files: &[(&str, &[u8])]) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let own = |(path, bytes): &(&str, &[u8])| {
        let path = (*path).to_owned();
        if excluded_names::is_plain_path(&path) {
            Ok((path, bytes.to_vec()))
        } else {
            Err(GitError::BadPath { path })
        }
    };
    files.iter().map(own).collect()
}

impl ProjectRepository {
    /// Commits `files` (path from the root, content) on top of `parent`, keeps its other files, and
    /// moves `branch` from `parent` to the new commit.
    ///
    /// [`GitError::Moved`] if the branch was not at `parent` (`None`: it must not exist).
    pub async fn commit_files(
        &self,
        branch: &str,
        parent: Option<&CommitId>,
        files: &[(&str, &[u8])],
        author: &GitSignature,
        message: &str,
    ) -> Result<CommitId, GitError> {
        let refname = branch_ref(branch)?;
        let files = own_plain_files(files)?;
        let heading = CommitHeader {
            parent: parent.cloned(),
            author: author.clone(),
            message: message.to_owned(),
        };
        let write = move |stream: &mut FastImportStream<'_>| {
            files.iter().try_for_each(|(path, bytes)| {
                stream.write_file(FileMode::Plain, path.as_bytes(), bytes)
            })
        };
        let commit = self.fast_import(heading, write).await?;
        if self.compare_and_swap(&refname, parent, &commit).await? {
            Ok(commit)
        } else {
            Err(GitError::Moved { refname })
        }
    }

    /// Makes a commit whose files `write` produces; no reference is moved.
    pub(crate) async fn fast_import<W>(
        &self,
        heading: CommitHeader,
        write: W,
    ) -> Result<CommitId, GitError>
    where
        W: FnOnce(&mut FastImportStream<'_>) -> Result<(), GitError> + Send + 'static,
    {
        let ended = self.run_fast_import(heading, write).await;
        if ended.is_err() {
            // Git leaves a crash report in the repository; our error has its contents.
            let place = self.path().to_owned();
            run_blocking(move || remove_entries(&place, "fast_import_crash_")).await?;
        }
        ended
    }

    async fn run_fast_import<W>(
        &self,
        heading: CommitHeader,
        write: W,
    ) -> Result<CommitId, GitError>
    where
        W: FnOnce(&mut FastImportStream<'_>) -> Result<(), GitError> + Send + 'static,
    {
        let place = self.path().to_owned();
        let call = self
            .git_command("fast-import")
            .args(["--quiet", "--done", "--force"]);
        let output = call
            .run_with_input(move |out| {
                let mut stream = FastImportStream { out, place };
                stream.write_header(&heading)?;
                write(&mut stream)?;
                stream.finish()
            })
            .await?;
        if !output.status.success() {
            return Err(output.into_error("fast-import", self.path()));
        }
        self.parse_id("fast-import", &output.stdout)
    }
}

/// A commit stream to git.
#[derive(Debug)]
pub(crate) struct FastImportStream<'a> {
    out: &'a mut BufWriter<File>,
    place: PathBuf,
}

impl FastImportStream<'_> {
    /// Drops the files of the parent.
    pub(crate) fn delete_all(&mut self) -> Result<(), GitError> {
        self.write_bytes(b"deleteall\n")
    }

    /// Writes a file (for a link: its target) with these bytes at `path`.
    pub(crate) fn write_file(
        &mut self,
        mode: FileMode,
        path: &[u8],
        bytes: &[u8],
    ) -> Result<(), GitError> {
        self.write_bytes(format!("M {} inline ", mode.digits()).as_bytes())?;
        self.write_bytes(&quote_path(path))?;
        self.write_bytes(b"\n")?;
        self.write_data(bytes)
    }

    /// Writes an existing object at `path`, with `mode` as git prints it.
    pub(crate) fn write_object(
        &mut self,
        mode: &str,
        id: &str,
        path: &[u8],
    ) -> Result<(), GitError> {
        self.write_bytes(format!("M {mode} {id} ").as_bytes())?;
        self.write_bytes(&quote_path(path))?;
        self.write_bytes(b"\n")
    }

    fn write_header(&mut self, heading: &CommitHeader) -> Result<(), GitError> {
        let author = heading.author.line();
        let committer = heading
            .author
            .clone()
            .with_identity(GitIdentity::orchestrator())
            .line();
        let start =
            format!("commit {UNWRITTEN}\nmark :1\nauthor {author}\ncommitter {committer}\n");
        self.write_bytes(start.as_bytes())?;
        self.write_data(heading.message.replace('\0', "").as_bytes())?;
        match &heading.parent {
            Some(parent) => self.write_bytes(format!("from {parent}\n").as_bytes()),
            None => Ok(()),
        }
    }

    /// Requests the commit's id, then resets the reference before it would be written.
    fn finish(&mut self) -> Result<(), GitError> {
        self.write_bytes(format!("get-mark :1\nreset {UNWRITTEN}\n\ndone\n").as_bytes())
    }

    fn write_data(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        self.write_bytes(format!("data {}\n", bytes.len()).as_bytes())?;
        self.write_bytes(bytes)?;
        self.write_bytes(b"\n")
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        self.out
            .write_all(bytes)
            .map_err(GitError::io("write to git in", &self.place))
    }
}

/// Returns `path` in quotes, in which it may contain any byte.
pub(crate) fn quote_path(path: &[u8]) -> Vec<u8> {
    let mut text = vec![b'"'];
    for &byte in path {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', byte]),
            b' '..=b'~' => text.push(byte),
            _ => text.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    text.push(b'"');
    text
}

#[cfg(test)]
mod tests {
    use super::{GitError, quote_path};
    use crate::test_repo::TestRepo;

    #[test]
    fn a_path_may_contain_any_byte() {
        assert_eq!(quote_path(b"a \"b\\\n\xff"), br#""a \"b\\\012\377""#);
    }

    #[tokio::test]
    async fn a_commit_adds_its_files_to_those_of_the_parent() {
        let repo = TestRepo::new().await;
        let (repository, who) = (&repo.repository, TestRepo::signature());
        let first = [("a.txt", b"one".as_slice()), ("docs/b.txt", b"two")];
        let base = repository
            .commit_files("main", None, &first, &who, "first")
            .await
            .unwrap();
        let second = [("a.txt", b"".as_slice()), ("data\n\"M", b"\0\xff")];
        let next = repository
            .commit_files("main", Some(&base), &second, &who, "second")
            .await
            .unwrap();
        assert_eq!(
            repository.branch_tip("main").await.unwrap(),
            Some(next.clone())
        );
        let files = repository.list_files(&next).await.unwrap();
        assert_eq!(files, ["a.txt", "data\n\"M", "docs/b.txt"]);
        let odd = repository.read_file(&next, "data\n\"M", 9).await.unwrap();
        assert_eq!(odd.unwrap(), b"\0\xff");
    }

    #[tokio::test]
    async fn a_branch_that_moved_is_not_overwritten() {
        let repo = TestRepo::new().await;
        let (repository, who) = (&repo.repository, TestRepo::signature());
        repository
            .commit_files("main", None, &[("a", b"1")], &who, "one")
            .await
            .unwrap();
        let again = repository
            .commit_files("main", None, &[("a", b"2")], &who, "two")
            .await;
        assert!(matches!(again.unwrap_err(), GitError::Moved { .. }));
    }

    #[tokio::test]
    async fn paths_that_leave_the_tree_are_refused() {
        let repo = TestRepo::new().await;
        for path in [
            "../x",
            "/etc/passwd",
            "a//b",
            "",
            ".git/config",
            "a/.GIT/hooks/x",
            "./a",
        ] {
            let files = [(path, b"x".as_slice())];
            let made = repo
                .repository
                .commit_files("main", None, &files, &TestRepo::signature(), "m")
                .await;
            assert!(
                matches!(made.unwrap_err(), GitError::BadPath { .. }),
                "{path:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_failed_commit_shows_the_error_of_git_and_leaves_no_crash_report() {
        let repo = TestRepo::new().await;
        let absent = "1".repeat(40).parse().unwrap();
        let made = repo
            .repository
            .commit_files(
                "main",
                Some(&absent),
                &[("a", b"1")],
                &TestRepo::signature(),
                "m",
            )
            .await;
        assert!(made.unwrap_err().to_string().contains(absent.as_str()));
        let names = std::fs::read_dir(repo.repository.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            !names.iter().any(|n| n.to_string_lossy().contains("crash")),
            "{names:?}"
        );
    }
}

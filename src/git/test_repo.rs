//! The fixture of this crate's tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use eklavya_core::process::{self, ProcessLimits, ProcessOutput};

use super::{
    CommitId, GitIdentity, GitProgram, GitSignature, ProjectRepository, SnapshotLimits,
    WorkTreeSnapshot,
};
use crate::repository::fast_import::{CommitHeader, FileMode};

/// A repository in its own directory.
pub(crate) struct TestRepo {
    pub(crate) repository: ProjectRepository,
    place: TempDir,
}

impl TestRepo {
    pub(crate) async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        // The oldest git of the machine, if there are several.
        let git = match GitProgram::at(Path::new("/usr/bin/git")).await {
            Ok(git) => git,
            Err(_) => GitProgram::locate().await.unwrap(),
        };
        let repository = ProjectRepository::create(git, &place.path().join("repo.git"))
            .await
            .unwrap();
        Self { repository, place }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn now() -> Timestamp {
        Timestamp::from_second(1_770_000_000).unwrap()
    }

    pub(crate) fn signature() -> GitSignature {
        GitIdentity::new("Agent One", "one@localhost").at(Self::now())
    }

    /// Creates a commit without a parent, on no branch.
    pub(crate) async fn commit(&self, message: &str, files: &[(&str, &str)]) -> CommitId {
        self.make_commit(None, message, files).await
    }

    pub(crate) async fn commit_on(
        &self,
        parent: &CommitId,
        message: &str,
        files: &[(&str, &str)],
    ) -> CommitId {
        self.make_commit(Some(parent.clone()), message, files).await
    }

    async fn make_commit(
        &self,
        parent: Option<CommitId>,
        message: &str,
        files: &[(&str, &str)],
    ) -> CommitId {
        let heading = CommitHeader {
            parent,
            author: Self::signature(),
            message: message.to_owned(),
        };
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let write = move |stream: &mut crate::repository::fast_import::FastImportStream<'_>| {
            files.iter().try_for_each(|(path, text)| {
                stream.write_file(FileMode::Plain, path.as_bytes(), text.as_bytes())
            })
        };
        self.repository.fast_import(heading, write).await.unwrap()
    }

    pub(crate) async fn clone_of(&self, base: &CommitId) -> PathBuf {
        let (clone, who) = (
            self.path("clone"),
            GitIdentity::new("Agent One", "one@localhost"),
        );
        self.repository
            .clone_for_agent(&clone, base, "work", &who, |_| Ok(()))
            .await
            .unwrap();
        clone
    }

    /// Creates a work tree with these files.
    pub(crate) fn write_tree(&self, files: &[(&str, &[u8])]) -> PathBuf {
        let tree = self.path("tree");
        for (path, bytes) in files {
            let file = tree.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        tree
    }

    pub(crate) async fn snapshot(&self, tree: &Path, parent: &CommitId) -> WorkTreeSnapshot {
        let (refname, limits) = ("refs/eklavya/agents/one", SnapshotLimits::default());
        let who = Self::signature();
        self.repository
            .snapshot(tree, parent, refname, &who, "Snapshot", limits)
            .await
            .unwrap()
    }

    /// Runs git in `directory` with its configuration, as an agent would, and returns its output;
    /// it must succeed.
    pub(crate) async fn git_text(&self, directory: &Path, arguments: &[&str]) -> String {
        let finished = self.run_git(directory, arguments).await;
        let stderr = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert!(finished.status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8_lossy(&finished.stdout).trim().to_owned()
    }

    /// Like [`TestRepo::git_text`], but returns bytes, and git may fail.
    pub(crate) async fn git_bytes(&self, directory: &Path, arguments: &[&str]) -> Vec<u8> {
        self.run_git(directory, arguments).await.stdout
    }

    async fn run_git(&self, directory: &Path, arguments: &[&str]) -> ProcessOutput {
        let mut command = process::new_command(self.repository.git().program());
        command.args(arguments).current_dir(directory);
        command
            .env("PATH", process::SEARCH_PATH)
            .env("HOME", self.place.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        let limits = ProcessLimits {
            timeout: Duration::from_mins(1),
            output_bytes: 1 << 26,
        };
        process::run(command, &[], limits).await.unwrap()
    }
}

//! Why work on the repository failed.

use std::io;
use std::path::{Path, PathBuf};

use eklavya_core::process::ProcessError;

use eklavya_core::ids::commit::CommitId;

/// A failure of the repository, of git, or of the file system under them.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error(
        "git was not found in {searched}; install version 2.38 or later (Debian: apt-get install git)"
    )]
    GitMissing {
        /// The directories that were searched.
        searched: String,
    },
    /// The git found cannot merge without a work tree.
    #[error(
        "{} is git {found}, but 2.38 or later is needed; install a newer one", program.display()
    )]
    GitTooOld {
        /// Which git.
        program: PathBuf,
        /// What it calls itself.
        found: String,
    },
    /// Git could not be run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Git ran and failed.
    #[error("git {what} failed in {} ({status}): {stderr}", place.display())]
    Failed {
        /// The git command.
        what: String,
        /// The repository.
        place: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// Git printed something else than its documentation says, or too much.
    #[error("the output of git {what} in {} is not usable: {why}", place.display())]
    Output {
        /// The git command.
        what: String,
        /// The repository.
        place: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A name cannot be that of a reference.
    #[error(
        "{name:?} cannot name a branch, tag or reference: use letters, digits, '.', '_', '-' and '/'"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// A path cannot be that of a file of the project.
    #[error(
        "{path:?} cannot be committed: give a path from the project's root without '..' or '.git'"
    )]
    BadPath {
        /// The path.
        path: String,
    },
    /// There is no repository.
    #[error("{} is no bare git repository; create the project again or restore it", path.display())]
    NoRepository {
        /// Where it should be.
        path: PathBuf,
    },
    /// A reference moved between reading and writing.
    #[error("{refname} has moved since it was read; read it again and retry")]
    Moved {
        /// Which reference.
        refname: String,
    },
    /// A newer tenure works on the repository.
    #[error("another worker has taken over {}; nothing more is written there", place.display())]
    Fenced {
        /// The repository.
        place: PathBuf,
    },
    /// A tag of that name marks another commit.
    #[error("the tag {tag} already marks {marks}, not {wanted}; choose another name")]
    TagTaken {
        /// The tag.
        tag: String,
        /// The commit that it marks.
        marks: CommitId,
        /// The commit that it should mark.
        wanted: CommitId,
    },
    /// Something is in the way.
    #[error("{} is not empty; move it away or choose another place", path.display())]
    Occupied {
        /// What is in the way.
        path: PathBuf,
    },
    /// A work tree is too large to be recorded.
    #[error(
        "{} holds more than {limit} {unit}; list what is not part of the work in .gitignore", path.display()
    )]
    TooMuchWork {
        /// The work tree.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A file was exchanged while it was recorded.
    #[error("{path} in {} changed while it was recorded; end what writes there and retry", tree.display())]
    Changing {
        /// The work tree.
        tree: PathBuf,
        /// The file.
        path: String,
    },
    /// A recorded file is larger than the caller can take.
    #[error("{path} has {bytes} bytes in commit {commit}; at most {limit} are read")]
    FileTooLarge {
        /// The file.
        path: String,
        /// The commit.
        commit: CommitId,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The program is shutting down.
    #[error("the work on the repository was stopped")]
    Stopped,
}

impl GitError {
    /// Returns the mapping of an I/O error while trying to `what` on `path`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Says whether it came from git closing its input, so that what git said explains it better.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Runs `work`, which waits for the disk, on a thread where it holds nobody up.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| GitError::Stopped)?
}

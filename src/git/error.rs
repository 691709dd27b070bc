//! Errors of the repository.

use std::io;
use std::path::{Path, PathBuf};

use eklavya_core::process::ProcessError;

use eklavya_core::ids::commit::CommitId;

/// A failure of the repository, of git, or of the file system under them.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error(
        "git was not found in {searched}; install version 2.38 or later (Debian: apt-get install git)"
    )]
    GitMissing { searched: String },
    /// The git that was found is too old to merge without a work tree.
    #[error(
        "{} is git {found}, but 2.38 or later is needed; install a newer one", program.display()
    )]
    GitTooOld {
        program: PathBuf,
        /// The version that it reports.
        found: String,
    },
    /// Git could not be run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Git ran and failed.
    #[error("git {what} failed in {} ({status}): {stderr}", place.display())]
    Failed {
        /// The git subcommand.
        what: String,
        /// The repository.
        place: PathBuf,
        /// The exit status.
        status: String,
        /// The end of its stderr.
        stderr: String,
    },
    /// Git's output does not match its documentation, or is too long.
    #[error("the output of git {what} in {} is not usable: {why}", place.display())]
    Output {
        /// The git subcommand.
        what: String,
        /// The repository.
        place: PathBuf,
        why: String,
    },
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb phrase.
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The name is not a valid reference name.
    #[error(
        "{name:?} cannot name a branch, tag or reference: use letters, digits, '.', '_', '-' and '/'"
    )]
    BadName { name: String },
    /// The path is not a valid path of a project file.
    #[error(
        "{path:?} cannot be committed: give a path from the project's root without '..' or '.git'"
    )]
    BadPath { path: String },
    /// The directory is not a bare repository.
    #[error("{} is not a bare git repository; create the project again or restore it", path.display())]
    NoRepository { path: PathBuf },
    /// The reference moved between reading and writing.
    #[error("{refname} has moved since it was read; read it again and retry")]
    Moved { refname: String },
    /// A newer lease holder has raised the fence of the repository.
    #[error("another worker has taken over {}; this one no longer writes to it", place.display())]
    Fenced { place: PathBuf },
    /// The tag exists and marks another commit.
    #[error("the tag {tag} already marks {marks}, not {wanted}; choose another name")]
    TagTaken {
        tag: String,
        /// The commit that it marks.
        marks: CommitId,
        /// The requested commit.
        wanted: CommitId,
    },
    /// The destination is not empty.
    #[error("{} is not empty; move it away or choose another place", path.display())]
    Occupied { path: PathBuf },
    /// The work tree is too large for a snapshot.
    #[error(
        "{} contains more than {limit} {unit}; list what is not part of the work in .gitignore", path.display()
    )]
    TooMuchWork {
        path: PathBuf,
        limit: u64,
        /// The unit of `limit`.
        unit: &'static str,
    },
    /// A file changed while it was being recorded.
    #[error("{path} in {} changed while it was being recorded; stop the programs that write to it and retry", tree.display())]
    Changing { tree: PathBuf, path: String },
    /// A file in a commit is larger than the caller accepts.
    #[error("{path} has {bytes} bytes in commit {commit}; the limit is {limit}")]
    FileTooLarge {
        path: String,
        commit: CommitId,
        bytes: u64,
        limit: u64,
    },
    /// The program is shutting down.
    #[error("the repository operation was cancelled")]
    Stopped,
}

impl GitError {
    /// Returns a mapper for I/O errors of `what` on `path`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Whether git closed its input, in which case its own message explains the failure better.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Runs `work`, which blocks on the disk, on a blocking thread.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| GitError::Stopped)?
}

//! One run of git, and its errors.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use eklavya_core::process::{self, ProcessError, ProcessLimits};

use super::error::GitError;

const LIMITS: ProcessLimits = ProcessLimits {
    timeout: Duration::from_mins(15),
    output_bytes: 256 * 1024 * 1024,
};
/// Output limit of a git that reads a stream: it prints one object name and messages.
const STREAM_OUTPUT: u64 = 1024 * 1024;
const STDERR_TAIL: usize = 2000;

/// One run of git.
#[derive(Debug)]
pub(crate) struct GitCommand {
    command: Command,
    what: String,
    place: PathBuf,
    input: Vec<u8>,
}

/// The result of a run of git.
#[derive(Debug)]
pub(crate) struct GitOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl GitCommand {
    pub(crate) fn new(command: Command, what: &str, place: &Path) -> Self {
        Self {
            command,
            what: what.to_owned(),
            place: place.to_owned(),
            input: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = bytes;
        self
    }

    /// Returns git's stdout; a non-zero exit is an error.
    pub(crate) async fn stdout(self) -> Result<Vec<u8>, GitError> {
        let (what, place) = (self.what.clone(), self.place.clone());
        let output = self.run().await?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(output.into_error(&what, &place))
        }
    }

    /// Returns git's stdout as trimmed text.
    pub(crate) async fn text(self) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.stdout().await?)
            .trim()
            .to_owned())
    }

    /// Returns the result of the run, whatever its exit code.
    pub(crate) async fn run(self) -> Result<GitOutput, GitError> {
        let finished = process::run(self.command, &self.input, LIMITS).await?;
        if finished.truncated {
            let why = format!("the output is longer than {} bytes", LIMITS.output_bytes);
            return Err(GitError::Output {
                what: self.what,
                place: self.place,
                why,
            });
        }
        Ok(GitOutput {
            status: finished.status,
            stdout: finished.stdout,
            stderr: printable_tail(&finished.stderr),
        })
    }

    /// Runs git while `write` produces its input, which may read from the disk.
    ///
    /// If git closes its input early, its own result counts: an error message, or success.
    pub(crate) async fn run_with_input<W>(mut self, write: W) -> Result<GitOutput, GitError>
    where
        W: FnOnce(&mut BufWriter<File>) -> Result<(), GitError> + Send + 'static,
    {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let program = || format!("git {}", self.what);
        let mut child = self.command.spawn().map_err(|source| ProcessError::Start {
            program: program(),
            source,
        })?;
        let pipe = child
            .stdin
            .take()
            .and_then(|stdin| stdin.into_owned_fd().ok());
        let place = self.place.clone();
        let writer = tokio::task::spawn_blocking(move || write_input(pipe, &place, write));
        let ended = tokio::time::timeout(LIMITS.timeout, wait_with_output(&mut child)).await;
        drop(child);
        let output = ended
            .map_err(|_| ProcessError::TimedOut {
                program: program(),
                seconds: LIMITS.timeout.as_secs(),
            })?
            .map_err(|source| ProcessError::Pipe {
                program: program(),
                source,
            })?;
        match writer.await.map_err(|_| GitError::Stopped)? {
            Err(why) if !why.is_broken_pipe() => Err(why),
            _ => Ok(output),
        }
    }
}

impl GitOutput {
    /// Returns the error for the failure of `what` in `place`.
    pub(crate) fn into_error(self, what: &str, place: &Path) -> GitError {
        GitError::Failed {
            what: what.to_owned(),
            place: place.to_owned(),
            status: self.status.to_string(),
            stderr: self.stderr,
        }
    }
}

fn write_input(
    pipe: Option<OwnedFd>,
    place: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), GitError>,
) -> Result<(), GitError> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut stream = BufWriter::new(File::from(pipe));
    write(&mut stream)?;
    stream
        .flush()
        .map_err(GitError::io("write to git in", place))
}

async fn wait_with_output(child: &mut Child) -> std::io::Result<GitOutput> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) =
        tokio::try_join!(read_capped(stdout), read_capped(stderr), child.wait())?;
    Ok(GitOutput {
        status,
        stdout,
        stderr: printable_tail(&stderr),
    })
}

async fn read_capped(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(STREAM_OUTPUT).read_to_end(&mut kept).await?;
    }
    Ok(kept)
}

/// Returns the end of git's stderr, escaped: file names in it may be hostile.
fn printable_tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let shown: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() && c != '\n' { '?' } else { c })
        .collect();
    let skipped = shown.chars().count().saturating_sub(STDERR_TAIL);
    shown.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::printable_tail;

    #[test]
    fn the_output_of_git_keeps_its_end_and_no_control_characters() {
        let printed = format!("{}\x1b[2Jthe end", "x".repeat(5000));
        let shown = printable_tail(printed.as_bytes());
        assert!(shown.ends_with("?[2Jthe end"));
        assert_eq!(shown.chars().count(), 2000);
    }
}

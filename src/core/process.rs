//! Starts other programs: the only place that creates a [`Command`].

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// The directories in which programs are found, whatever the user's PATH is.
pub const SEARCH_DIRECTORIES: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// [`SEARCH_DIRECTORIES`] as the value of PATH.
pub const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns a command with an empty environment and no standard input, whose process is killed when
/// its handle is dropped. The caller sets each variable that the program needs.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn new_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts a program without waiting for it or reading its output.
///
/// It inherits this process's environment, because it is the user's own program on the user's
/// screen.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn launch(program: &str, arguments: &[&str]) -> io::Result<()> {
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().map(|_| ())
}

/// Starts a program that outlives this process, with its environment, no stdin, and `log` for its
/// output. The program must leave the terminal's session itself.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn spawn_detached(program: &Path, arguments: &[&str], log: File) -> io::Result<Child> {
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn()
}

/// How long a program may run and how much of its output is kept.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    /// The process is killed after this time.
    pub timeout: Duration,
    /// Bytes kept of each of stdout and stderr; the rest is read and dropped.
    pub output_bytes: usize,
}

/// The result of a program.
#[derive(Debug)]
pub struct ProcessOutput {
    pub status: ExitStatus,
    /// At most [`ProcessLimits::output_bytes`].
    pub stdout: Vec<u8>,
    /// At most [`ProcessLimits::output_bytes`].
    pub stderr: Vec<u8>,
    /// Whether a part of either was dropped.
    pub truncated: bool,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("cannot exchange data with {program}: {source}")]
    Pipe { program: String, source: io::Error },
    /// It exceeded the timeout and was killed.
    #[error("{program} did not end within {seconds} s")]
    TimedOut { program: String, seconds: u64 },
}

/// Runs `command` to its end with `input` on its stdin.
pub async fn run(
    mut command: Command,
    input: &[u8],
    limits: ProcessLimits,
) -> Result<ProcessOutput, ProcessError> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    command.stdin(if input.is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| ProcessError::Start {
        program: program.clone(),
        source,
    })?;
    let work = exchange(&mut child, input, limits.output_bytes);
    let ended = tokio::time::timeout(limits.timeout, work).await;
    ended
        .map_err(|_| ProcessError::TimedOut {
            program: program.clone(),
            seconds: limits.timeout.as_secs(),
        })?
        .map_err(|source| ProcessError::Pipe { program, source })
}

/// Writes `input`, reads what the child prints, and waits for its end.
async fn exchange(
    child: &mut tokio::process::Child,
    input: &[u8],
    output_bytes: usize,
) -> io::Result<ProcessOutput> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut pipe) = stdin {
            // A program may ignore its input.
            let _ = pipe.write_all(input).await;
        }
        Ok(())
    };
    let ((), stdout, stderr, status) = tokio::try_join!(
        feed,
        read_capped(stdout, output_bytes),
        read_capped(stderr, output_bytes),
        child.wait(),
    )?;
    let truncated = stdout.1 || stderr.1;
    Ok(ProcessOutput {
        status,
        stdout: stdout.0,
        stderr: stderr.0,
        truncated,
    })
}

async fn read_capped(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<(Vec<u8>, bool)> {
    let Some(mut pipe) = pipe else {
        return Ok((Vec::new(), false));
    };
    let (mut kept, mut truncated, mut chunk) = (Vec::new(), false, vec![0; 16 * 1024]);
    loop {
        let count = pipe.read(&mut chunk).await?;
        if count == 0 {
            return Ok((kept, truncated));
        }
        let room = limit.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&chunk[..room]);
        truncated |= room < count;
    }
}

/// Returns when a process of this host started, in clock ticks since boot, or `None` if it does not
/// exist. Id and start time together identify a process.
pub fn read_start_time(pid: u32) -> Option<i64> {
    // proc(5): the second field is the program's name in parentheses, which may contain any
    // character; field 22 is the start time, and field 3 the state, where Z is a process that has
    // ended.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Where process ids are valid: one boot of a machine, and a process namespace on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The machine's name, for display.
    pub machine: String,
    /// Identifies the host: a digest of the boot's id and the namespace's id.
    pub digest: String,
}

impl HostIdentity {
    /// Returns the host of this process.
    pub fn current() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let boot = read("/proc/sys/kernel/random/boot_id");
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let machine: String = read("/proc/sys/kernel/hostname")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
            .take(64)
            .collect();
        if boot.trim().is_empty() || namespace.as_os_str().is_empty() {
            // If the host cannot be identified, it equals no other host.
            return Self {
                machine,
                digest: format!("{:012x}", rand::random::<u64>() >> 16),
            };
        }
        let text = format!("{} {}", boot.trim(), namespace.display());
        let digest = Sha256::digest(text.as_bytes());
        Self {
            machine,
            digest: crate::hex::encode(&digest[..6]),
        }
    }
}

/// Returns whether the process with this id that started at `start` still runs.
pub fn is_alive(pid: u32, start: i64) -> bool {
    read_start_time(pid) == Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_path_lists_the_search_directories() {
        assert_eq!(SEARCH_DIRECTORIES.join(":"), SEARCH_PATH);
    }

    #[test]
    fn the_host_identity_does_not_change() {
        let host = HostIdentity::current();
        assert_eq!(host, HostIdentity::current());
        assert_eq!(host.digest.len(), 12);
    }
}

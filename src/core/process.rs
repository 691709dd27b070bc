//! Starting other programs: the only place that makes a [`Command`].

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

/// Returns a command with an empty environment and no standard input, whose process is killed
/// when its handle is dropped. The caller adds each variable that the program may know.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn new_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts a program and leaves it to itself: nobody waits for it or hears what it says.
///
/// It gets this process's environment, since it is the user's own program, on the user's screen.
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

/// Starts a program that outlives this process, with its environment, nothing on stdin, and `log`
/// for what it says. It has to leave the terminal's session by itself.
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
    /// After this the process is killed.
    pub timeout: Duration,
    /// Bytes kept of each of stdout and stderr; the rest is read and dropped.
    pub output_bytes: usize,
}

/// What a program left behind.
#[derive(Debug)]
pub struct ProcessOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, at most [`Limits::output_bytes`].
    pub stdout: Vec<u8>,
    /// What it said on stderr, at most [`Limits::output_bytes`].
    pub stderr: Vec<u8>,
    /// Whether something was dropped from either.
    pub truncated: bool,
}

/// Why a program could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// Its pipes broke.
    #[error("cannot talk to {program}: {source}")]
    Pipe {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("{program} did not end within {seconds} s")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
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
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let work = async {
        let feed = async {
            if let Some(mut pipe) = stdin {
                // A program that does not read its input is no failure of ours.
                let _ = pipe.write_all(input).await;
            }
            Ok(())
        };
        let ((), stdout, stderr, status) = tokio::try_join!(
            feed,
            read_capped(stdout, limits.output_bytes),
            read_capped(stderr, limits.output_bytes),
            child.wait(),
        )?;
        Ok((stdout, stderr, status))
    };
    let ended = tokio::time::timeout(limits.timeout, work).await;
    let (stdout, stderr, status) = ended
        .map_err(|_| ProcessError::TimedOut {
            program: program.clone(),
            seconds: limits.timeout.as_secs(),
        })?
        .map_err(|source| ProcessError::Pipe { program, source })?;
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

/// Returns when a process of this host was started, in clock ticks since boot; none where there is
/// no such process. Together with the id it names one process for good.
pub fn read_start_time(pid: u32) -> Option<i64> {
    // proc(5): the second field is the program's name in parentheses, which may hold anything;
    // the start time is field 22, and field 3 the state, where Z is a process that has ended.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Where process ids mean something: one boot of a machine, and a namespace of processes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The machine's name, for people.
    pub machine: String,
    /// Tells it from all others: a digest of the boot's id and the namespace's.
    pub digest: String,
}

impl HostIdentity {
    /// Returns the host of the present process.
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
            // Where it cannot be told, it is nobody else's.
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

/// Whether the process that was started at `start` with this id still runs.
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
    fn the_host_stays_the_same_while_it_runs() {
        let host = HostIdentity::current();
        assert_eq!(host, HostIdentity::current());
        assert_eq!(host.digest.len(), 12);
    }
}

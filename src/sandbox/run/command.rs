//! Running one command to its end in a sandbox of its own: test commands and checks.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::child::{SandboxChild, SandboxExit, StdioStreams};
use super::disk_usage::wait_for_disk_quota;
use super::head_tail_buffer::HeadTailBuffer;
use super::sandbox::Sandbox;
use crate::error::SandboxError;
use crate::spec::{ProgramSpec, SandboxSpec};

/// How long a command may run and how much of its output is kept.
#[derive(Debug, Clone, Copy)]
pub struct RunLimits {
    /// After this time, everything that the command started is killed.
    pub timeout: Duration,
    /// The bytes of output that are kept: half from the beginning, half from the end.
    pub output_bytes: usize,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    pub exit: SandboxExit,
    /// stdout and stderr in the order in which they were written.
    pub output: String,
    /// Whether the middle of the output was dropped.
    pub truncated: bool,
    pub duration: Duration,
}

/// How long to wait for the rest of the output after the sandbox has ended.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs `line` with `/bin/sh -c` in a sandbox of `spec`. No process that it started is left afterwards.
///
/// `env` is its environment, to which HOME and TMPDIR are added. A command that fails, runs out of time
/// or exceeds its disk quota ([`SandboxSpec::disk_bytes`]) is no error.
///
/// # Errors
/// The sandbox could not be set up, so the command may not have run.
pub async fn run_command(
    sandbox: &Sandbox,
    spec: &SandboxSpec,
    line: &str,
    env: &[(&str, &str)],
    limits: RunLimits,
) -> Result<CommandOutcome, SandboxError> {
    let program = env.iter().fold(
        ProgramSpec::new("/bin/sh", ["-c", line]),
        |program, (name, value)| program.env(name, value),
    );
    run_program(sandbox, spec, program, limits).await
}

/// Runs `program` as [`run_command`] runs a line, without a shell.
pub async fn run_program(
    sandbox: &Sandbox,
    spec: &SandboxSpec,
    program: ProgramSpec,
    limits: RunLimits,
) -> Result<CommandOutcome, SandboxError> {
    let started = Instant::now();
    let (mut child, mut reader) = spawn_with_output(sandbox, spec, program).await?;
    let pid = child.pid();
    let mut output = HeadTailBuffer::new(limits.output_bytes, &spec.redactor);
    let ended = wait_and_read(&mut child, &mut reader, &mut output);
    let exit = within_limits(ended, limits.timeout, spec, pid).await;
    let exit = match exit {
        Ok(SandboxExit::TimedOut | SandboxExit::DiskQuotaExceeded) => {
            child.kill_tree().await.and(exit)
        }
        other => other,
    };
    // The rest of the pipe; all processes that could write to it have ended.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, read_all(&mut reader, &mut output)).await;
    output.finish();
    match exit {
        Ok(exit) => Ok(CommandOutcome {
            exit,
            output: output.text(),
            truncated: output.is_truncated(),
            duration: started.elapsed(),
        }),
        Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup {
            output: output.text().trim().to_owned(),
        }),
        Err(error) => Err(error),
    }
}

/// Waits until the program has ended, its time is up, or it exceeds its disk quota.
async fn within_limits(
    ended: impl Future<Output = Result<SandboxExit, SandboxError>>,
    timeout: Duration,
    spec: &SandboxSpec,
    pid: u32,
) -> Result<SandboxExit, SandboxError> {
    let roots = vec![spec.workspace.clone(), spec.home.clone()];
    tokio::select! {
        ended = tokio::time::timeout(timeout, ended) => ended.unwrap_or(Ok(SandboxExit::TimedOut)),
        _ = wait_for_disk_quota(roots, spec.disk_bytes, pid) => Ok(SandboxExit::DiskQuotaExceeded),
    }
}

/// Starts `program` with stdout and stderr in one pipe.
pub(crate) async fn spawn_with_output(
    sandbox: &Sandbox,
    spec: &SandboxSpec,
    program: ProgramSpec,
) -> Result<(SandboxChild, pipe::Receiver), SandboxError> {
    let prepare = |source| SandboxError::Prepare { source };
    let (reader, writer) = io::pipe().map_err(prepare)?;
    let reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(prepare)?;
    let streams = StdioStreams {
        stdin: Stdio::null(),
        stdout: Stdio::from(writer.try_clone().map_err(prepare)?),
        stderr: Stdio::from(writer),
    };
    Ok((sandbox.spawn(spec, program, streams).await?, reader))
}

/// Reads while it waits, because a full pipe would block the command.
async fn wait_and_read(
    child: &mut SandboxChild,
    reader: &mut pipe::Receiver,
    output: &mut HeadTailBuffer,
) -> Result<SandboxExit, SandboxError> {
    let reading = async {
        read_all(reader, output).await;
        // The command closed its output but still runs.
        std::future::pending().await
    };
    tokio::select! {
        exit = child.wait() => exit,
        never = reading => never,
    }
}

/// Reads until the end of the pipe.
pub(crate) async fn read_all(reader: &mut pipe::Receiver, output: &mut HeadTailBuffer) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut chunk).await {
        output.push(&chunk[..count]);
    }
}

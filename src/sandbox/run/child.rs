//! A running sandbox: signals, waiting, and killing all of its processes.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Deserialize;
use std::os::unix::process::ExitStatusExt;
use tokio::net::unix::pipe;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use super::sandbox::{IsolationBackend, Sandbox};
use super::spawner;
use crate::error::SandboxError;
use crate::spec::{ProgramSpec, SandboxSpec};
use crate::supervision::pid_file::PidFile;
use crate::supervision::{process_tree, supervise};

/// How long the outer processes of a sandbox may take to kill it. After this time they are killed
/// themselves, and no process waits for the end of the others.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// How a process in a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxExit {
    /// With this exit code.
    Code(i32),
    /// By this signal. An exit code of 128 + n is reported as signal n, as shells do, because a
    /// sandbox passes a signal on in this form.
    Signal(i32),
    /// Killed at its time limit.
    TimedOut,
    /// Killed because it exceeded its disk quota.
    DiskQuotaExceeded,
}

impl SandboxExit {
    /// Whether it ended with code 0.
    pub fn is_success(self) -> bool {
        self == SandboxExit::Code(0)
    }

    fn from_status(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code @ 129..=192), _) => SandboxExit::Signal(code - 128),
            (Some(code), _) => SandboxExit::Code(code),
            (None, signal) => SandboxExit::Signal(signal.unwrap_or(0)),
        }
    }
}

/// Where the standard streams of a process go.
#[derive(Debug)]
pub struct StdioStreams {
    pub stdin: Stdio,
    pub stdout: Stdio,
    pub stderr: Stdio,
}

impl StdioStreams {
    /// Makes all three pipes to the [`SandboxChild`].
    pub fn piped() -> Self {
        Self {
            stdin: Stdio::piped(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }
}

/// A running sandbox. Dropping it kills everything in it after a moment.
#[derive(Debug)]
pub struct SandboxChild {
    process: tokio::process::Child,
    /// The id of the outermost process. The handle no longer has it once the process has ended.
    pid: u32,
    /// The pipe to which bubblewrap or the relay of a container reports; `None` without isolation.
    status: Option<pipe::Receiver>,
    report: Vec<u8>,
    exit: Option<SandboxExit>,
    /// Whether the outermost process forwards signals to the program.
    forwards_signals: bool,
}

impl Sandbox {
    /// Starts `program` in a sandbox of `spec`. May be called from any task. The sandbox ends with this
    /// process, or when the handle is dropped.
    pub async fn spawn(
        &self,
        spec: &SandboxSpec,
        program: ProgramSpec,
        streams: StdioStreams,
    ) -> Result<SandboxChild, SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let (status, command) = match self.isolation() {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => {
                self.ensure_ready().await?;
                let (reader, writer) = io::pipe().map_err(prepare)?;
                let reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(prepare)?;
                let command = self.build_command(spec, program, Some(writer.into()))?;
                (Some(reader), command)
            }
            IsolationBackend::None => (None, self.build_command(spec, program, None)?),
        };
        let mut child = SandboxChild::start(command, streams, status).await?;
        child.forwards_signals = !matches!(self.isolation(), IsolationBackend::Bubblewrap { .. });
        if let Some(file) = &spec.pid_file {
            PidFile::write(file, child.pid).map_err(prepare)?;
        }
        Ok(child)
    }
}

impl SandboxChild {
    async fn start(
        mut command: Command,
        streams: StdioStreams,
        status: Option<pipe::Receiver>,
    ) -> Result<Self, SandboxError> {
        command
            .stdin(streams.stdin)
            .stdout(streams.stdout)
            .stderr(streams.stderr);
        let process = spawner::spawn(command)
            .await
            .map_err(|source| SandboxError::Start { source })?;
        let pid = process.id().ok_or_else(|| SandboxError::Start {
            source: io::Error::other("it ended immediately"),
        })?;
        Ok(Self {
            process,
            pid,
            status,
            report: Vec::new(),
            exit: None,
            forwards_signals: false,
        })
    }

    /// Returns the process id of the outermost process, on the host.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Takes the pipe to its stdin, if it has one.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Takes the pipe from its stdout, if it has one.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Takes the pipe from its stderr, if it has one.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Asks the program inside to stop, as Ctrl-C does (`SIGINT`) or as `kill` does (`SIGTERM`).
    ///
    /// The signal goes to `sandbox-init`, which forwards it. Does nothing before `sandbox-init` has
    /// started.
    pub fn terminate(&mut self, signal: StopSignal) {
        let signal = match signal {
            StopSignal::Interrupt => Signal::SIGINT,
            StopSignal::Terminate => Signal::SIGTERM,
        };
        if self.exit.is_some() {
            return;
        }
        if let Some(init) = self.init_pid() {
            process_tree::send_signal(init, signal);
        }
    }

    /// Waits for the end of the whole sandbox. The future may be dropped and the call repeated.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] if the program inside was never started.
    pub async fn wait(&mut self) -> Result<SandboxExit, SandboxError> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let status = self.process.wait().await;
        let status = status.map_err(|source| SandboxError::Wait { source })?;
        let exit = SandboxExit::from_status(status);
        self.read_status();
        self.exit = Some(exit);
        let killed = matches!(exit, SandboxExit::Signal(_));
        if self.status.is_some() && !self.program_started() && !killed {
            return Err(SandboxError::Setup {
                output: "see its stderr".to_owned(),
            });
        }
        Ok(exit)
    }

    /// Returns how the sandbox ended; `None` if it still runs.
    pub async fn try_wait(&mut self) -> Result<Option<SandboxExit>, SandboxError> {
        match self.process.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(_)) => self.wait().await.map(Some),
            Err(source) => Err(SandboxError::Wait { source }),
        }
    }

    /// Kills all processes of the sandbox, including sessions and daemons that it started, and waits
    /// until they have ended.
    pub async fn kill_tree(&mut self) -> Result<SandboxExit, SandboxError> {
        if let Some(pid) = self.process.id() {
            process_tree::send_signal(pid, supervise::END_ALL);
            if tokio::time::timeout(KILL_TIMEOUT, self.wait())
                .await
                .is_err()
            {
                let _ = self.process.start_kill();
            }
        }
        match self.wait().await {
            // The sandbox ended by itself before the program started.
            Err(SandboxError::Setup { .. }) => Ok(SandboxExit::Signal(9)),
            other => other,
        }
    }

    /// Returns the process id of `sandbox-init` on the host.
    fn init_pid(&mut self) -> Option<u32> {
        if self.forwards_signals {
            return Some(self.pid);
        }
        let namespace = self.namespace_pid()?;
        process_tree::descendants_of(namespace).first().copied()
    }

    /// Returns the process id, on the host, of process 1 in the sandbox.
    fn namespace_pid(&mut self) -> Option<u32> {
        self.read_status();
        self.statuses().find_map(|report| report.child_pid)
    }

    fn program_started(&self) -> bool {
        self.statuses().any(|report| report.exit_code.is_some())
    }

    fn statuses(&self) -> impl Iterator<Item = BwrapStatus> {
        serde_json::Deserializer::from_slice(&self.report)
            .into_iter::<BwrapStatus>()
            .map_while(Result::ok)
    }

    fn read_status(&mut self) {
        let Some(pipe) = &self.status else { return };
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = pipe.try_read(&mut chunk) {
            self.report.extend_from_slice(&chunk[..count]);
        }
    }
}

/// The signal that [`SandboxChild::terminate`] sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// `SIGINT`.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// One of the JSON documents of `bwrap --json-status-fd`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BwrapStatus {
    child_pid: Option<u32>,
    /// Missing if the program was never started.
    exit_code: Option<i32>,
}

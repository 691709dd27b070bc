//! A process in a sandbox, and the end of all of it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Deserialize;
use std::os::unix::process::ExitStatusExt;
use tokio::net::unix::pipe;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use super::orphan;
use super::spawner;
use crate::error::SandboxError;
use crate::spec::{ProgramSpec, SandboxSpec};
use crate::supervision::process_tree;
use crate::supervision::supervise;
use crate::{IsolationBackend, Sandbox};

/// How long the processes in front of a sandbox get to kill it before they are killed themselves,
/// which leaves nobody to wait for the end of the rest.
const STUBBORN: Duration = Duration::from_secs(20);

/// How a process in a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxExit {
    /// With this code.
    Code(i32),
    /// By this signal. A code of 128 + n is taken for signal n, as shells do, since that is how it
    /// comes out of a sandbox.
    Signal(i32),
    /// By us, because its time was up.
    TimedOut,
    /// By us, because it took more of the disk than it may.
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
    /// Its stdin.
    pub stdin: Stdio,
    /// Its stdout.
    pub stdout: Stdio,
    /// Its stderr.
    pub stderr: Stdio,
}

impl StdioStreams {
    /// All three are pipes to the [`Child`].
    pub fn piped() -> Self {
        Self {
            stdin: Stdio::piped(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }
}

/// A running sandbox. Dropping it kills everything in it, though not at once.
#[derive(Debug)]
pub struct SandboxChild {
    process: tokio::process::Child,
    /// Of the outermost process; kept because the handle forgets it at the end.
    pid: u32,
    /// The pipe on which bubblewrap or the relay of a container reports; `None` without isolation.
    status: Option<pipe::Receiver>,
    report: Vec<u8>,
    exit: Option<SandboxExit>,
    /// Whether the outermost process passes on what it is asked.
    forwards_signals: bool,
}

impl Sandbox {
    /// Starts `inner` in a sandbox of `spec`.
    ///
    /// May be called from any task; the sandbox ends with this process, or when the handle is
    /// dropped.
    pub async fn spawn(
        &self,
        spec: &SandboxSpec,
        inner: ProgramSpec,
        streams: StdioStreams,
    ) -> Result<SandboxChild, SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let (status, command) = match self.isolation {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => {
                self.ensure_ready().await?;
                let (reader, writer) = io::pipe().map_err(prepare)?;
                let reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(prepare)?;
                (
                    Some(reader),
                    self.build_command(spec, inner, Some(writer.into()))?,
                )
            }
            IsolationBackend::None => (None, self.build_command(spec, inner, None)?),
        };
        let mut child = SandboxChild::start(command, streams, status).await?;
        child.forwards_signals = !matches!(self.isolation, IsolationBackend::Bubblewrap { .. });
        if let Some(file) = &spec.pid_file {
            orphan::write_pid_file(file, child.pid).map_err(prepare)?;
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
            source: io::Error::other("it ended at once"),
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

    /// Asks the program inside to end, as Ctrl-C would (`SIGINT`) or as `kill` would (`SIGTERM`).
    ///
    /// The signal goes to `sandbox-init`, which passes it on; before that has started, nothing
    /// happens.
    pub fn terminate(&mut self, politely: StopSignal) {
        let signal = match politely {
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

    /// Waits for its end; nothing of it is left afterwards. May be dropped and called again.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] where the program inside was never started.
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

    /// Returns how it ended, if it has.
    pub async fn try_wait(&mut self) -> Result<Option<SandboxExit>, SandboxError> {
        match self.process.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(_)) => self.wait().await.map(Some),
            Err(source) => Err(SandboxError::Wait { source }),
        }
    }

    /// Kills everything in it, whatever it did to escape (sessions, daemons), and waits until it is
    /// gone.
    pub async fn kill_tree(&mut self) -> Result<SandboxExit, SandboxError> {
        if let Some(pid) = self.process.id() {
            process_tree::send_signal(pid, supervise::END_ALL);
            if tokio::time::timeout(STUBBORN, self.wait()).await.is_err() {
                let _ = self.process.start_kill();
            }
        }
        match self.wait().await {
            // It had ended by itself, before it had begun.
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

/// How [`Child::terminate`] asks.
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
    /// Missing where the program was never started.
    exit_code: Option<i32>,
}

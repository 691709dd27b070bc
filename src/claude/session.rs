//! One conversation with the Claude Code CLI, from its start to the end of its process.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use self::driver::SessionDriver;
use super::activity::AgentActivity;
use super::stream::StreamEvent;
use super::transcript::TranscriptWriter;
use crate::mcp::ToolServer;
use crate::session::outcome::SessionOutcome;
use eklavya_core::clock::SharedClock;
use eklavya_core::redactor::Redactor;

mod driver;
mod tool_calls;

/// Kills a whole process tree, given the id of the started process.
///
/// Only the caller who wrapped the command knows how (a PID namespace, a container); the CLI's
/// children leave its process group, so killing the group is not enough.
pub type KillTreeFn = Arc<dyn Fn(u32) + Send + Sync>;

/// A signal to a running agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSignal {
    /// Stop at the next opportunity; the process is killed if it does not stop within the grace
    /// period.
    Interrupt,
    /// Stop now.
    Kill,
}

/// The parameters of a run besides its command.
pub struct SessionSpec {
    /// The user turn; sent through stdin, never on the command line.
    pub prompt: String,
    /// The orchestrator's tools, if the role has any. The invocation must offer them too.
    pub tools: Option<Arc<dyn ToolServer>>,
    /// The file that every line is appended to; created with mode 0600. Its directory must exist.
    pub transcript: PathBuf,
    /// How long the agent may show no sign of life; longer than the longest shell command.
    pub silence_limit: Duration,
    /// How long an interrupted agent may take to stop, and a finished one to exit.
    pub grace_period: Duration,
    /// The signs of life; the driver adds those of the stream.
    pub activity: AgentActivity,
    /// The clock of the transcript's timestamps.
    pub clock: SharedClock,
    /// Redacts secrets in the transcript.
    pub redactor: Redactor,
    pub kill_tree: KillTreeFn,
    /// Receives the process as soon as it is started. The agent gets its prompt only after the
    /// process is recorded, so an unrecorded process does nothing.
    pub started: Option<oneshot::Sender<StartedProcess>>,
}

#[derive(Debug)]
pub struct StartedProcess {
    pub pid: u32,
    /// Send on this after the process is recorded. If it is dropped, the process is killed.
    pub recorded: oneshot::Sender<()>,
}

/// Why a run could not be driven. Failures of the agent are a [`SessionOutcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("cannot start the agent's process {program}: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    /// The transcript cannot be written; the agent was stopped, since its actions would be
    /// unrecorded.
    #[error(
        "cannot write the transcript {path}: {source}; make room or fix its permissions, then run the command again"
    )]
    Transcript {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Starts `command` (the CLI, wrapped in its sandbox) and drives it until its process has ended.
///
/// Every event is also sent to `events`; a caller who does not need them drops the receiver.
/// Signals arrive through `control`; closing it has no effect. Must run on a thread that lives as
/// long as the process, such as a runtime worker and not a blocking task: a sandbox that dies with
/// its parent dies with the thread that started it.
///
/// If the returned future is dropped, the process is killed.
pub async fn run_session(
    mut command: Command,
    spec: SessionSpec,
    events: mpsc::Sender<StreamEvent>,
    control: mpsc::Receiver<SessionSignal>,
) -> Result<SessionOutcome, SessionError> {
    let (clock, redactor) = (Arc::clone(&spec.clock), spec.redactor.clone());
    let transcript =
        TranscriptWriter::open(&spec.transcript, clock, redactor).map_err(|source| {
            SessionError::Transcript {
                path: spec.transcript.clone(),
                source,
            }
        })?;
    let child = spawn_cli(&mut command)?;
    SessionDriver::new(spec, child, transcript, events)
        .run(control)
        .await
}

fn spawn_cli(command: &mut Command) -> Result<Child, SessionError> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // In its own process group: a Ctrl-C at the terminal is for us, and we interrupt the agent.
    command.process_group(0).kill_on_drop(true);
    command.spawn().map_err(|source| SessionError::Start {
        program: command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned(),
        source,
    })
}

pub(crate) mod line_reader;
pub(crate) mod observations;
pub mod outcome;
pub(crate) mod pipes;
pub(crate) mod stdin_messages;
#[cfg(test)]
mod tests;

//! One conversation with the Claude Code CLI, from its start to the death of its process.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
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

/// Kills a whole process tree, given the id of the process that was started.
///
/// Whoever wrapped the command knows how (a PID namespace, a container); the CLI's own children
/// leave its process group, so killing the group is not enough.
pub type KillTreeFn = Arc<dyn Fn(u32) + Send + Sync>;

/// What can be asked of a running agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSignal {
    /// Stop at the next opportunity; kill what does not stop within the grace period.
    Interrupt,
    /// Stop now.
    Kill,
}

/// What a run needs besides its command.
pub struct SessionSpec {
    /// The user turn; goes through stdin, never through the command line.
    pub prompt: String,
    /// The orchestrator's tools, where the role has any. The invocation must offer them too.
    pub tools: Option<Arc<dyn ToolServer>>,
    /// The file that every line is appended to; it is made with mode 0600. Its directory exists.
    pub transcript: PathBuf,
    /// How long the agent may give no sign of life; longer than the longest shell command.
    pub silence_limit: Duration,
    /// How long an interrupted agent may take to stop, and a finished one to exit.
    pub grace_period: Duration,
    /// The signs of life; the driver adds those of the stream.
    pub activity: AgentActivity,
    /// Stamps the transcript's lines.
    pub clock: SharedClock,
    /// Keeps secrets out of the transcript.
    pub redactor: Redactor,
    /// Kills the process tree.
    pub kill_tree: KillTreeFn,
    /// Told the process as soon as there is one. The agent is told what to do only once that was
    /// noted: a process that nobody knows of does nothing.
    pub started: Option<oneshot::Sender<StartedProcess>>,
}

/// A process that was started.
#[derive(Debug)]
pub struct StartedProcess {
    /// Its id.
    pub pid: u32,
    /// To be told when it was noted. Dropped, it says that it cannot be, and the process is killed.
    pub recorded: oneshot::Sender<()>,
}

/// Why a run could not be driven. How an agent fails is an [`super::outcome::Outcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The process could not be started.
    #[error("cannot start the agent's process {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The transcript cannot be written; the agent was stopped, as nobody would know what it does.
    #[error(
        "cannot write the transcript {path}: {source}; make room or fix its permissions, then run the command again"
    )]
    Transcript {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// Starts `command` (the CLI, wrapped in whatever confines it) and drives it until its process is
/// gone.
///
/// Every event goes to `events` as well; a caller who stops listening drops the receiver. Requests
/// to stop come through `control`; its closing means nothing. Must run on a thread that lives as
/// long as the process, such as a worker of the runtime and not a blocking task: a sandbox that
/// dies with its parent dies with the thread that started it.
///
/// When the returned future is dropped, the process is killed.
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
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // In a process group of its own: a Ctrl-C at the terminal is for us, and we interrupt the agent.
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|source| SessionError::Start {
        program: command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned(),
        source,
    })?;
    SessionDriver::new(spec, child, transcript, events)
        .run(control)
        .await
}

pub(crate) mod line_reader;
pub(crate) mod observations;
pub mod outcome;
pub(crate) mod pipes;
pub(crate) mod stdin_messages;
#[cfg(test)]
mod tests;

//! The driver: one loop that owns the state of a run and decides what is next.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::tool_calls::PendingToolCalls;
use super::{SessionError, SessionSignal, SessionSpec, StartedProcess};
use crate::mcp::SERVER_NAME;
use crate::session::observations::{SessionObservations, StopCause};
use crate::session::outcome::SessionOutcome;
use crate::session::pipes::{self, PipeContext, PipeEvent};
use crate::session::stdin_messages;
use crate::stream::{ControlRequest, StreamEvent, TurnInit};
use crate::transcript::{LineDirection, TranscriptWriter};

/// Messages that may wait for the CLI to read its stdin.
const STDIN_QUEUE: usize = 256;
/// Events that may wait for the driver.
const PIPE_EVENT_QUEUE: usize = 256;
/// How long the pipes may stay open after the process has ended: its children may have them open.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the driver checks its deadlines.
const DEADLINE_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SessionPhase {
    /// The agent works.
    Running,
    /// The agent was asked to stop.
    Interrupted,
    /// Stdin was closed, so the process should exit.
    Closing,
    /// The process tree was killed.
    Killed,
    /// The process has ended; its last output is still being read.
    Exited,
}

/// A run in progress.
pub(super) struct SessionDriver {
    spec: SessionSpec,
    child: Child,
    pid: Option<u32>,
    stdin: Option<mpsc::Sender<Value>>,
    pipe_events: mpsc::Receiver<PipeEvent>,
    transcript: Arc<TranscriptWriter>,
    pipe_tasks: JoinSet<()>,
    tools: PendingToolCalls,
    observations: SessionObservations,
    phase: SessionPhase,
    deadline: Option<Instant>,
    last_activity: (i64, Instant),
    transcript_error: Option<io::Error>,
    recorded: Option<oneshot::Receiver<()>>,
}

impl SessionDriver {
    /// Takes over a `child` that was just started with three pipes.
    pub(super) fn new(
        mut spec: SessionSpec,
        mut child: Child,
        transcript: TranscriptWriter,
        events: mpsc::Sender<StreamEvent>,
    ) -> Self {
        let transcript = Arc::new(transcript);
        let (driver, pipe_events) = mpsc::channel(PIPE_EVENT_QUEUE);
        let (stdin, messages) = mpsc::channel(STDIN_QUEUE);
        let context = PipeContext {
            driver,
            transcript: Arc::clone(&transcript),
            activity: spec.activity.clone(),
            clock: Arc::clone(&spec.clock),
        };
        let pipe_tasks = pipes::spawn_tasks(&mut child, &context, messages, events);
        spec.activity.touch(spec.clock.now());
        let tools = PendingToolCalls::new(spec.tools.take());
        Self {
            pid: child.id(),
            last_activity: (spec.activity.last_seen_us(), Instant::now()),
            stdin: Some(stdin),
            observations: SessionObservations::default(),
            phase: SessionPhase::Running,
            deadline: None,
            transcript_error: None,
            recorded: None,
            spec,
            child,
            pipe_events,
            transcript,
            pipe_tasks,
            tools,
        }
    }

    /// Drives the run until the process has ended and all of its output is read.
    pub(super) async fn run(
        mut self,
        mut control: mpsc::Receiver<SessionSignal>,
    ) -> Result<SessionOutcome, SessionError> {
        self.announce_process();
        let mut tick = tokio::time::interval(
            DEADLINE_CHECK_INTERVAL.min(self.spec.silence_limit / 4 + Duration::from_millis(1)),
        );
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut reading, mut listening, mut exit) = (true, true, None);
        while exit.is_none() || reading {
            tokio::select! {
                event = self.pipe_events.recv(), if reading => match event {
                    Some(event) => self.on_pipe_event(event),
                    None => reading = false,
                },
                Some(answer) = self.tools.next_response() => if let Some(answer) = answer {
                    self.send(answer);
                },
                signal = control.recv(), if listening => match signal {
                    Some(signal) => self.on_signal(signal),
                    None => listening = false,
                },
                recorded = wait_until_recorded(&mut self.recorded), if self.recorded.is_some() => self.on_recorded(recorded),
                ended = self.child.wait(), if exit.is_none() => exit = Some(self.on_exit(ended)),
                _ = tick.tick() => if self.on_tick() { break },
            }
        }
        self.finish(exit.flatten()).await
    }

    fn announce_process(&mut self) {
        let (Some(started), Some(pid)) = (self.spec.started.take(), self.pid) else {
            return self.start_turn();
        };
        let (recorded, receiver) = oneshot::channel();
        // If there is no receiver, this drops `recorded`.
        let _ = started.send(StartedProcess { pid, recorded });
        self.recorded = Some(receiver);
    }

    fn on_recorded(&mut self, recorded: bool) {
        self.recorded = None;
        if recorded {
            self.start_turn();
        } else {
            self.append_note("the agent's process could not be recorded");
            self.kill(StopCause::Kill);
        }
    }

    fn start_turn(&mut self) {
        if self.phase != SessionPhase::Running {
            return;
        }
        if self.tools.has_server() {
            self.send(stdin_messages::initialize_request());
        } else {
            self.send_prompt();
        }
    }

    fn send_prompt(&mut self) {
        let prompt = std::mem::take(&mut self.spec.prompt);
        self.send(stdin_messages::user_message(&prompt));
    }

    fn send(&mut self, message: Value) {
        let Some(stdin) = &self.stdin else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = stdin.try_send(message) {
            self.append_note(
                "the agent sends requests without reading the responses; it is being stopped",
            );
            self.kill(StopCause::StdinBlocked);
        }
    }

    fn on_pipe_event(&mut self, event: PipeEvent) {
        match event {
            PipeEvent::Stdout(event) => self.on_event(event),
            PipeEvent::Stderr(line) => self.observations.add_stderr(&line),
            PipeEvent::TranscriptFailed(error) => {
                self.transcript_error.get_or_insert(error);
                self.interrupt(StopCause::TranscriptFailed);
            }
        }
    }

    fn on_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Init(init) => self.on_init(init),
            StreamEvent::Result(result) => {
                self.observations.add_result(*result);
                self.close_stdin(SessionPhase::Closing);
            }
            StreamEvent::Denied(denial) => self.observations.add_denial(denial),
            StreamEvent::ControlRequest {
                request_id,
                request,
            } => {
                self.on_control_request(&request_id, request);
            }
            StreamEvent::ControlCancel { request_id } => self.tools.cancel_call(&request_id),
            StreamEvent::ControlResponse { request_id, error } => {
                self.on_control_response(&request_id, error);
            }
            StreamEvent::NotJson(line) => self.observations.add_stderr(&line),
            StreamEvent::AssistantText { .. }
            | StreamEvent::ToolUse { .. }
            | StreamEvent::ToolResult { .. }
            | StreamEvent::Retry(_)
            | StreamEvent::Oversized { .. }
            | StreamEvent::Other(_) => {}
        }
    }

    fn on_init(&mut self, init: TurnInit) {
        if self.tools.has_server() {
            let ours = init
                .mcp_servers
                .iter()
                .find(|server| server.name == SERVER_NAME);
            let status = ours.map_or("absent", |server| server.status.as_str());
            if status != "connected" {
                let problem = format!("the CLI reports the tool server {SERVER_NAME} as {status}");
                self.interrupt(StopCause::ToolsUnavailable(problem));
            }
        }
        self.observations.add_init(init);
    }

    fn on_control_request(&mut self, request_id: &str, request: ControlRequest) {
        let refusal = match request {
            ControlRequest::McpMessage { server, message } => {
                self.tools.start_call(request_id, &server, message)
            }
            ControlRequest::Unknown(subtype) => Some(stdin_messages::error_response(
                request_id,
                &format!("{subtype} is not supported"),
            )),
        };
        if let Some(refusal) = refusal {
            self.send(refusal);
        }
    }

    fn on_control_response(&mut self, request_id: &str, error: Option<String>) {
        match (request_id, error) {
            (stdin_messages::INITIALIZE, None) if self.phase == SessionPhase::Running => {
                self.send_prompt();
            }
            (stdin_messages::INITIALIZE, Some(error)) => {
                self.interrupt(StopCause::ToolsUnavailable(format!(
                    "the CLI refused to initialize: {error}"
                )));
            }
            _ => {}
        }
    }

    fn on_signal(&mut self, signal: SessionSignal) {
        match signal {
            SessionSignal::Interrupt => self.interrupt(StopCause::Interrupt),
            SessionSignal::Kill => self.kill(StopCause::Kill),
        }
    }

    fn on_exit(&mut self, ended: io::Result<ExitStatus>) -> Option<ExitStatus> {
        self.stdin = None;
        self.tools.cancel_all();
        self.phase = SessionPhase::Exited;
        self.deadline = Some(Instant::now() + DRAIN_TIMEOUT);
        ended.ok()
    }

    /// Checks the deadlines; returns whether the run is over.
    fn on_tick(&mut self) -> bool {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            match self.phase {
                SessionPhase::Running => {}
                SessionPhase::Interrupted => self.close_stdin(SessionPhase::Closing),
                SessionPhase::Closing => self.kill_tree(),
                SessionPhase::Killed | SessionPhase::Exited => return true,
            }
        }
        if self.phase == SessionPhase::Running && self.is_silent() {
            let limit = self.spec.silence_limit.as_secs_f64();
            self.append_note(&format!(
                "no sign of life for {limit} s; the agent is being interrupted"
            ));
            self.interrupt(StopCause::Silence);
        }
        false
    }

    // Only a change of the timestamp counts, not its value: the wall clock may jump.
    fn is_silent(&mut self) -> bool {
        let stamp = self.spec.activity.last_seen_us();
        let excused = self.spec.activity.is_paused() || self.tools.has_pending();
        if excused || stamp != self.last_activity.0 {
            self.last_activity = (stamp, Instant::now());
        }
        self.last_activity.1.elapsed() >= self.spec.silence_limit
    }

    fn interrupt(&mut self, cause: StopCause) {
        if self.phase != SessionPhase::Running {
            return;
        }
        self.observations.set_cause(cause);
        self.phase = SessionPhase::Interrupted;
        self.deadline = Some(Instant::now() + self.spec.grace_period);
        self.send(stdin_messages::interrupt_request());
    }

    fn close_stdin(&mut self, stage: SessionPhase) {
        self.stdin = None;
        if self.phase < stage {
            self.phase = stage;
            self.deadline = Some(Instant::now() + self.spec.grace_period);
        }
    }

    fn kill(&mut self, cause: StopCause) {
        self.observations.set_cause(cause);
        if self.phase < SessionPhase::Killed {
            self.kill_tree();
        }
    }

    fn kill_tree(&mut self) {
        self.observations.killed = true;
        self.close_stdin(SessionPhase::Killed);
        self.append_note("killing the agent's processes");
        // The handle knows whether the process was waited for, so its id cannot have been reused.
        if let Some(pid) = self.child.id() {
            (self.spec.kill_tree)(pid);
        }
        // In case the caller's function found nothing; an error means that the process has ended.
        let _ = self.child.start_kill();
    }

    fn append_note(&mut self, text: &str) {
        if let Err(error) = self.transcript.append(LineDirection::Note, text) {
            self.transcript_error.get_or_insert(error);
        }
    }

    async fn finish(mut self, exit: Option<ExitStatus>) -> Result<SessionOutcome, SessionError> {
        self.pipe_tasks.shutdown().await;
        let outcome = self.observations.into_outcome(exit);
        let exit = exit.map_or_else(|| "exit status unknown".to_owned(), |exit| exit.to_string());
        let note = format!("the run ended: {}, {exit}", outcome.end.label());
        self.transcript_error = self
            .transcript_error
            .or(self.transcript.append(LineDirection::Note, &note).err());
        match self.transcript_error {
            Some(source) => Err(SessionError::Transcript {
                path: self.spec.transcript,
                source,
            }),
            None => Ok(outcome),
        }
    }
}

/// Returns whether the process was recorded, once that is known.
async fn wait_until_recorded(receiver: &mut Option<oneshot::Receiver<()>>) -> bool {
    match receiver {
        Some(receiver) => receiver.await.is_ok(),
        None => std::future::pending().await,
    }
}

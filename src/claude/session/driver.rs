//! The driver: one loop that owns what is known about a run and decides what is next.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::facts::{Cause, Facts};
use super::pumps::{self, PumpContext, Seen};
use super::tool_calls::ToolCalls;
use super::{Control, SessionError, SessionSpec, Started};
use crate::mcp::SERVER_NAME;
use crate::outcome::Outcome;
use crate::stream::{ControlRequest, Init, StreamEvent};
use crate::transcript::{Direction, TranscriptWriter};
use crate::wire;

/// How many messages may wait for the CLI to read its stdin.
const STDIN_QUEUE: usize = 256;
/// How many events may wait for the driver.
const SEEN_QUEUE: usize = 256;
/// How long the pipes may stay open after the process is gone: a child of it may hold them.
const DRAIN: Duration = Duration::from_secs(2);
/// How often the driver looks at its deadlines.
const TICK: Duration = Duration::from_millis(200);

/// How far a run is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The agent works.
    Running,
    /// It was asked to stop.
    Interrupted,
    /// Its stdin was closed: it shall exit.
    Closing,
    /// Its process tree was killed.
    Killed,
    /// Its process is gone; what it said last is still being read.
    Exited,
}

/// One run under way.
pub(super) struct Driver {
    spec: SessionSpec,
    child: Child,
    pid: Option<u32>,
    stdin: Option<mpsc::Sender<Value>>,
    seen: mpsc::Receiver<Seen>,
    transcript: Arc<TranscriptWriter>,
    pumps: JoinSet<()>,
    tools: ToolCalls,
    facts: Facts,
    stage: Stage,
    deadline: Option<Instant>,
    last_life: (i64, Instant),
    transcript_error: Option<io::Error>,
    noted: Option<oneshot::Receiver<()>>,
}

impl Driver {
    /// Takes over a freshly started `child` whose three pipes are ours.
    pub(super) fn new(
        mut spec: SessionSpec,
        mut child: Child,
        transcript: TranscriptWriter,
        events: mpsc::Sender<StreamEvent>,
    ) -> Self {
        let transcript = Arc::new(transcript);
        let (driver, seen) = mpsc::channel(SEEN_QUEUE);
        let (stdin, messages) = mpsc::channel(STDIN_QUEUE);
        let context = PumpContext {
            driver,
            transcript: Arc::clone(&transcript),
            activity: spec.activity.clone(),
            clock: Arc::clone(&spec.clock),
        };
        let (forwarder, queue) = mpsc::channel(pumps::EVENT_QUEUE);
        tokio::spawn(pumps::forward(queue, events));
        let mut pumps = JoinSet::new();
        if let Some(pipe) = child.stdin.take() {
            pumps.spawn(pumps::pump_stdin(pipe, context.clone(), messages));
        }
        if let Some(pipe) = child.stdout.take() {
            pumps.spawn(pumps::pump_stdout(pipe, context.clone(), forwarder));
        }
        if let Some(pipe) = child.stderr.take() {
            pumps.spawn(pumps::pump_stderr(pipe, context));
        }
        spec.activity.touch(spec.clock.now());
        let tools = ToolCalls::new(spec.tools.take());
        Self {
            pid: child.id(),
            last_life: (spec.activity.last(), Instant::now()),
            stdin: Some(stdin),
            facts: Facts::default(),
            stage: Stage::Running,
            deadline: None,
            transcript_error: None,
            noted: None,
            spec,
            child,
            seen,
            transcript,
            pumps,
            tools,
        }
    }

    /// Drives the run until the process is gone and everything it said is read.
    pub(super) async fn run(
        mut self,
        mut control: mpsc::Receiver<Control>,
    ) -> Result<Outcome, SessionError> {
        self.open();
        let mut tick =
            tokio::time::interval(TICK.min(self.spec.silence / 4 + Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut reading, mut listening, mut exit) = (true, true, None);
        while exit.is_none() || reading {
            tokio::select! {
                seen = self.seen.recv(), if reading => match seen {
                    Some(seen) => self.on_seen(seen),
                    None => reading = false,
                },
                Some(answer) = self.tools.next() => if let Some(answer) = answer {
                    self.send(answer);
                },
                asked = control.recv(), if listening => match asked {
                    Some(asked) => self.on_control(asked),
                    None => listening = false,
                },
                noted = noted(&mut self.noted), if self.noted.is_some() => self.on_noted(noted),
                ended = self.child.wait(), if exit.is_none() => exit = Some(self.on_exit(ended)),
                _ = tick.tick() => if self.on_tick() { break },
            }
        }
        self.finish(exit.flatten()).await
    }

    fn open(&mut self) {
        let (Some(started), Some(pid)) = (self.spec.started.take(), self.pid) else {
            return self.begin();
        };
        let (noted, receiver) = oneshot::channel();
        // Where nobody listens, this drops `noted`.
        let _ = started.send(Started { pid, noted });
        self.noted = Some(receiver);
    }

    fn on_noted(&mut self, noted: bool) {
        self.noted = None;
        if noted {
            self.begin();
        } else {
            self.note("the agent's process could not be noted");
            self.kill(Cause::Kill);
        }
    }

    fn begin(&mut self) {
        if self.stage != Stage::Running {
            return;
        }
        if self.tools.is_offered() {
            self.send(wire::initialize());
        } else {
            self.send_prompt();
        }
    }

    fn send_prompt(&mut self) {
        let prompt = std::mem::take(&mut self.spec.prompt);
        self.send(wire::user_turn(&prompt));
    }

    fn send(&mut self, message: Value) {
        let Some(stdin) = &self.stdin else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = stdin.try_send(message) {
            self.note("the agent asks without reading the answers; it is stopped");
            self.kill(Cause::Deaf);
        }
    }

    fn on_seen(&mut self, seen: Seen) {
        match seen {
            Seen::Event(event) => self.on_event(event),
            Seen::Stderr(line) => self.facts.add_stderr(&line),
            Seen::TranscriptBroken(error) => {
                self.transcript_error.get_or_insert(error);
                self.interrupt(Cause::Transcript);
            }
        }
    }

    fn on_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Init(init) => self.on_init(init),
            StreamEvent::Result(result) => {
                self.facts.add_result(*result);
                self.close(Stage::Closing);
            }
            StreamEvent::Denied(denial) => self.facts.add_denial(denial),
            StreamEvent::ControlRequest {
                request_id,
                request,
            } => {
                self.on_request(&request_id, request);
            }
            StreamEvent::ControlCancel { request_id } => self.tools.cancel(&request_id),
            StreamEvent::ControlResponse { request_id, error } => {
                self.on_response(&request_id, error);
            }
            StreamEvent::NotJson(line) => self.facts.add_stderr(&line),
            StreamEvent::AssistantText { .. }
            | StreamEvent::ToolUse { .. }
            | StreamEvent::ToolResult { .. }
            | StreamEvent::Retry(_)
            | StreamEvent::Oversized { .. }
            | StreamEvent::Other(_) => {}
        }
    }

    fn on_init(&mut self, init: Init) {
        if self.tools.is_offered() {
            let ours = init
                .mcp_servers
                .iter()
                .find(|server| server.name == SERVER_NAME);
            let status = ours.map_or("absent", |server| server.status.as_str());
            if status != "connected" {
                let problem = format!("the CLI reports the tool server {SERVER_NAME} as {status}");
                self.interrupt(Cause::Tools(problem));
            }
        }
        self.facts.add_init(init);
    }

    fn on_request(&mut self, request_id: &str, request: ControlRequest) {
        let refusal = match request {
            ControlRequest::McpMessage { server, message } => {
                self.tools.begin(request_id, &server, message)
            }
            ControlRequest::Unknown(subtype) => Some(wire::refusal(
                request_id,
                &format!("{subtype} is not supported"),
            )),
        };
        if let Some(refusal) = refusal {
            self.send(refusal);
        }
    }

    fn on_response(&mut self, request_id: &str, error: Option<String>) {
        match (request_id, error) {
            (wire::INITIALIZE, None) if self.stage == Stage::Running => self.send_prompt(),
            (wire::INITIALIZE, Some(error)) => {
                self.interrupt(Cause::Tools(format!(
                    "the CLI refused to initialize: {error}"
                )));
            }
            _ => {}
        }
    }

    fn on_control(&mut self, asked: Control) {
        match asked {
            Control::Interrupt => self.interrupt(Cause::Interrupt),
            Control::Kill => self.kill(Cause::Kill),
        }
    }

    fn on_exit(&mut self, ended: io::Result<ExitStatus>) -> Option<ExitStatus> {
        self.stdin = None;
        self.tools.abandon();
        self.stage = Stage::Exited;
        self.deadline = Some(Instant::now() + DRAIN);
        ended.ok()
    }

    /// Looks at the clock; returns whether there is nothing left to wait for.
    fn on_tick(&mut self) -> bool {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            match self.stage {
                Stage::Running => {}
                Stage::Interrupted => self.close(Stage::Closing),
                Stage::Closing => self.kill_tree(),
                Stage::Killed | Stage::Exited => return true,
            }
        }
        if self.stage == Stage::Running && self.is_silent() {
            let limit = self.spec.silence.as_secs_f64();
            self.note(&format!(
                "no sign of life for {limit} s; the agent is interrupted"
            ));
            self.interrupt(Cause::Silence);
        }
        false
    }

    // A change of the stamp counts, not its value: the wall clock may jump.
    fn is_silent(&mut self) -> bool {
        let stamp = self.spec.activity.last();
        let excused = self.spec.activity.is_parked() || self.tools.are_running();
        if excused || stamp != self.last_life.0 {
            self.last_life = (stamp, Instant::now());
        }
        self.last_life.1.elapsed() >= self.spec.silence
    }

    fn interrupt(&mut self, cause: Cause) {
        if self.stage != Stage::Running {
            return;
        }
        self.facts.set_cause(cause);
        self.stage = Stage::Interrupted;
        self.deadline = Some(Instant::now() + self.spec.grace);
        self.send(wire::interrupt());
    }

    fn close(&mut self, stage: Stage) {
        self.stdin = None;
        if self.stage < stage {
            self.stage = stage;
            self.deadline = Some(Instant::now() + self.spec.grace);
        }
    }

    fn kill(&mut self, cause: Cause) {
        self.facts.set_cause(cause);
        if self.stage < Stage::Killed {
            self.kill_tree();
        }
    }

    fn kill_tree(&mut self) {
        self.facts.killed = true;
        self.close(Stage::Killed);
        self.note("the agent's processes are killed");
        // The handle knows whether the process was waited for: its id cannot be anybody else's.
        if let Some(pid) = self.child.id() {
            (self.spec.kill)(pid);
        }
        // In case the caller's way found nothing; an error says that it is gone already.
        let _ = self.child.start_kill();
    }

    fn note(&mut self, text: &str) {
        if let Err(error) = self.transcript.append(Direction::Note, text) {
            self.transcript_error.get_or_insert(error);
        }
    }

    async fn finish(mut self, exit: Option<ExitStatus>) -> Result<Outcome, SessionError> {
        self.pumps.shutdown().await;
        let outcome = self.facts.judge(exit);
        let exit = exit.map_or_else(|| "exit unseen".to_owned(), |exit| exit.to_string());
        let note = format!("the run ended: {}, {exit}", outcome.ended.label());
        self.transcript_error = self
            .transcript_error
            .or(self.transcript.append(Direction::Note, &note).err());
        match self.transcript_error {
            Some(source) => Err(SessionError::Transcript {
                path: self.spec.transcript,
                source,
            }),
            None => Ok(outcome),
        }
    }
}

/// Returns whether the process was noted, once that is known.
async fn noted(receiver: &mut Option<oneshot::Receiver<()>>) -> bool {
    match receiver {
        Some(receiver) => receiver.await.is_ok(),
        None => std::future::pending().await,
    }
}

//! The three pipes of the CLI's process. Each has its own task, so that none can block another.

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::activity::AgentActivity;
use crate::session::line_reader::{BoundedLine, LineReader};
use crate::stream::{MAX_LINE_BYTES, StreamEvent, parse_line};
use crate::transcript::{LineDirection, TranscriptWriter};
use eklavya_core::clock::SharedClock;

/// The longest line of stderr that is kept, in bytes.
const MAX_STDERR_LINE_BYTES: usize = 64 * 1024;

/// An event from a pipe for the driver.
pub(crate) enum PipeEvent {
    /// An event on stdout.
    Stdout(StreamEvent),
    /// A line on stderr.
    Stderr(String),
    TranscriptFailed(io::Error),
}

/// The parameters that all pipe tasks share.
#[derive(Clone)]
pub(crate) struct PipeContext {
    pub(crate) driver: mpsc::Sender<PipeEvent>,
    pub(crate) transcript: Arc<TranscriptWriter>,
    pub(crate) activity: AgentActivity,
    pub(crate) clock: SharedClock,
}

impl PipeContext {
    async fn append_line(&self, direction: LineDirection, line: &str) {
        if let Err(error) = self.transcript.append(direction, line) {
            self.notify_driver(PipeEvent::TranscriptFailed(error)).await;
        }
    }

    async fn notify_driver(&self, event: PipeEvent) {
        // The driver closes the channel only when it has given up the process.
        let _ = self.driver.send(event).await;
    }
}

/// Events that may wait for a slow caller. Beyond that, the CLI waits too.
const EVENT_QUEUE: usize = 1024;

/// Starts a task for each pipe of `child`. `messages` are written to its stdin; what it prints on
/// stdout is passed to `events`.
pub(crate) fn spawn_tasks(
    child: &mut Child,
    context: &PipeContext,
    messages: mpsc::Receiver<Value>,
    events: mpsc::Sender<StreamEvent>,
) -> JoinSet<()> {
    let (forwarder, queue) = mpsc::channel(EVENT_QUEUE);
    tokio::spawn(forward_events(queue, events));
    let mut tasks = JoinSet::new();
    if let Some(pipe) = child.stdin.take() {
        tasks.spawn(write_stdin(pipe, context.clone(), messages));
    }
    if let Some(pipe) = child.stdout.take() {
        tasks.spawn(read_stdout(pipe, context.clone(), forwarder));
    }
    if let Some(pipe) = child.stderr.take() {
        tasks.spawn(read_stderr(pipe, context.clone()));
    }
    tasks
}

/// Passes events on to the caller. Outlives the run until the caller has taken or dropped them, so
/// that the end of a run never waits for the caller.
async fn forward_events(mut from: mpsc::Receiver<StreamEvent>, to: mpsc::Sender<StreamEvent>) {
    while let Some(event) = from.recv().await {
        if to.send(event).await.is_err() {
            return;
        }
    }
}

/// Reads stdout to its end. The driver receives an event before the caller does.
async fn read_stdout(
    pipe: impl AsyncRead + Unpin,
    context: PipeContext,
    events: mpsc::Sender<StreamEvent>,
) {
    let mut lines = LineReader::new(pipe, MAX_LINE_BYTES);
    // A read error also ends the loop: the exit of the process shows the reason.
    while let Ok(Some(line)) = lines.next_line().await {
        context.activity.touch(context.clock.now());
        for event in record_line(&context, line).await {
            context
                .notify_driver(PipeEvent::Stdout(event.clone()))
                .await;
            let _ = events.send(event).await;
        }
    }
}

async fn record_line(context: &PipeContext, line: BoundedLine) -> Vec<StreamEvent> {
    match line {
        BoundedLine::Whole(bytes) => {
            context
                .append_line(LineDirection::Out, &String::from_utf8_lossy(&bytes))
                .await;
            parse_line(&bytes)
        }
        BoundedLine::Oversized(bytes) => {
            context
                .append_line(LineDirection::Note, &oversized_note(bytes))
                .await;
            vec![StreamEvent::Oversized { bytes }]
        }
    }
}

fn oversized_note(bytes: u64) -> String {
    format!("a line of {bytes} bytes was longer than the limit and was dropped")
}

async fn read_stderr(pipe: impl AsyncRead + Unpin, context: PipeContext) {
    let mut lines = LineReader::new(pipe, MAX_STDERR_LINE_BYTES);
    while let Ok(Some(line)) = lines.next_line().await {
        context.activity.touch(context.clock.now());
        match line {
            BoundedLine::Whole(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                context.append_line(LineDirection::Err, &text).await;
                context.notify_driver(PipeEvent::Stderr(text)).await;
            }
            BoundedLine::Oversized(bytes) => {
                context
                    .append_line(LineDirection::Note, &oversized_note(bytes))
                    .await;
            }
        }
    }
}

/// Writes `messages` to stdin, one line each, and closes it when their sender is dropped.
async fn write_stdin(
    mut pipe: impl AsyncWrite + Unpin,
    context: PipeContext,
    mut messages: mpsc::Receiver<Value>,
) {
    while let Some(message) = messages.recv().await {
        let mut line = message.to_string();
        context.append_line(LineDirection::In, &line).await;
        line.push('\n');
        // A process that has ended reads no more; the driver sees its exit.
        if pipe.write_all(line.as_bytes()).await.is_err() || pipe.flush().await.is_err() {
            return;
        }
    }
}

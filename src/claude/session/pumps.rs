//! The three pipes of the CLI's process, each moved by a task of its own so that none can block
//! another.

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::activity::Activity;
use crate::lines::{Line, LineReader};
use crate::stream::{MAX_LINE_BYTES, StreamEvent, parse_line};
use crate::transcript::{Direction, TranscriptWriter};
use eklavya_core::clock::SharedClock;

/// The longest line of stderr that is kept, in bytes.
const MAX_STDERR_LINE_BYTES: usize = 64 * 1024;

/// What a pump tells the driver.
pub(super) enum Seen {
    /// The CLI said something on stdout.
    Event(StreamEvent),
    /// The CLI said something on stderr.
    Stderr(String),
    /// The transcript cannot be written.
    TranscriptBroken(io::Error),
}

/// What every pump needs.
#[derive(Clone)]
pub(super) struct PumpContext {
    pub(super) driver: mpsc::Sender<Seen>,
    pub(super) transcript: Arc<TranscriptWriter>,
    pub(super) activity: Activity,
    pub(super) clock: SharedClock,
}

impl PumpContext {
    async fn record(&self, direction: Direction, line: &str) {
        if let Err(error) = self.transcript.append(direction, line) {
            self.tell(Seen::TranscriptBroken(error)).await;
        }
    }

    async fn tell(&self, seen: Seen) {
        // The driver is gone only when it has given the process up.
        let _ = self.driver.send(seen).await;
    }
}

/// How many events may wait for a caller who is slow. Beyond that the CLI has to wait, too.
pub(super) const EVENT_QUEUE: usize = 1024;

/// Passes events on to the caller. Outlives the run until the caller has taken or dropped them, so
/// that the end of a run never waits for its audience.
pub(super) async fn forward(mut from: mpsc::Receiver<StreamEvent>, to: mpsc::Sender<StreamEvent>) {
    while let Some(event) = from.recv().await {
        if to.send(event).await.is_err() {
            return;
        }
    }
}

/// Reads stdout to its end. The driver hears of an event before the caller does.
pub(super) async fn pump_stdout(
    pipe: impl AsyncRead + Unpin,
    context: PumpContext,
    events: mpsc::Sender<StreamEvent>,
) {
    let mut lines = LineReader::new(pipe, MAX_LINE_BYTES);
    // A read error is the end as well: the exit of the process says the rest.
    while let Ok(Some(line)) = lines.next().await {
        context.activity.touch(context.clock.now());
        for event in note_line(&context, line).await {
            context.tell(Seen::Event(event.clone())).await;
            let _ = events.send(event).await;
        }
    }
}

async fn note_line(context: &PumpContext, line: Line) -> Vec<StreamEvent> {
    match line {
        Line::Whole(bytes) => {
            context
                .record(Direction::Out, &String::from_utf8_lossy(&bytes))
                .await;
            parse_line(&bytes)
        }
        Line::Oversized(bytes) => {
            context.record(Direction::Note, &oversized(bytes)).await;
            vec![StreamEvent::Oversized { bytes }]
        }
    }
}

fn oversized(bytes: u64) -> String {
    format!("a line of {bytes} bytes was longer than the limit and was dropped")
}

/// Reads stderr to its end.
pub(super) async fn pump_stderr(pipe: impl AsyncRead + Unpin, context: PumpContext) {
    let mut lines = LineReader::new(pipe, MAX_STDERR_LINE_BYTES);
    while let Ok(Some(line)) = lines.next().await {
        context.activity.touch(context.clock.now());
        match line {
            Line::Whole(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                context.record(Direction::Err, &text).await;
                context.tell(Seen::Stderr(text)).await;
            }
            Line::Oversized(bytes) => context.record(Direction::Note, &oversized(bytes)).await,
        }
    }
}

/// Writes `messages` to stdin, one line each, and closes it when their sender is dropped.
pub(super) async fn pump_stdin(
    mut pipe: impl AsyncWrite + Unpin,
    context: PumpContext,
    mut messages: mpsc::Receiver<Value>,
) {
    while let Some(message) = messages.recv().await {
        let mut line = message.to_string();
        context.record(Direction::In, &line).await;
        line.push('\n');
        // A process that is gone reads nothing more; its exit tells the driver.
        if pipe.write_all(line.as_bytes()).await.is_err() || pipe.flush().await.is_err() {
            return;
        }
    }
}

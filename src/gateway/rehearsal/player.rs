//! Plays a script in place of the model's endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::conversation::{Purpose, next_step, position_note, purpose};
use super::message::{BYTES_PER_TOKEN, Message};
use super::script::Script;
use super::step::{Cut, Step, StepError};
use super::template::Values;
use crate::api_error::error_json;
use crate::backend::{Incoming, Outgoing, PieceStream, Route, SendError};
use crate::door::DoorSpec;
use crate::refusal::REQUEST_ID;
use eklavya_core::domain::ids::TaskId;

/// What the model says when a script has no further step.
const CLOSING: &str = "The rehearsal has nothing further to say here.";
/// Events of an answer that hangs: its start.
const EVENTS_BEFORE_HANG: usize = 2;

/// What can happen a limited number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mishap {
    Error,
    Hang,
    Cut,
}

/// Plays a script.
#[derive(Debug)]
pub(crate) struct Player {
    script: Arc<Script>,
    /// How often a mishap of a step has happened, by task, attempt and step.
    happened: Mutex<HashMap<(TaskId, u32, usize, Mishap), u32>>,
}

/// An answer's pieces, and how they end.
struct Pieces {
    pieces: Vec<Bytes>,
    end: PiecesEnd,
}

enum PiecesEnd {
    Complete,
    Cut,
    Hang,
}

impl Player {
    pub fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            happened: Mutex::default(),
        }
    }

    /// Answers as the endpoint would.
    pub async fn answer(&self, request: &Outgoing) -> Result<Incoming, SendError> {
        if request.route == Route::CountTokens {
            let tokens = (request.body.len() as u64).div_ceil(BYTES_PER_TOKEN);
            return Ok(json(
                StatusCode::OK,
                &serde_json::json!({ "input_tokens": tokens }),
            ));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let spec = &request.spec;
        let next = next_step(&body, spec.attempt);
        let model = body["model"].as_str().unwrap_or_default();
        let aside = match purpose(&body) {
            Purpose::Turn => None,
            Purpose::Compaction => Some(format!(
                "The work so far. {}",
                position_note(spec.attempt, next)
            )),
            Purpose::WebSearch => Some("A rehearsal does not search the web.".to_owned()),
        };
        match (aside, self.step(spec, next)?) {
            (Some(text), _) => Ok(whole(Message::text(model, &text), &body, request)),
            (None, None) => Ok(whole(Message::text(model, CLOSING), &body, request)),
            (None, Some(step)) => self.play(step, next, &body, request).await,
        }
    }

    /// Returns a step of the agent's part; nothing after the last one.
    fn step(&self, spec: &DoorSpec, next: usize) -> Result<Option<&Step>, SendError> {
        let part = self.script.part(spec.role, &spec.task_key, spec.attempt);
        let part = part.ok_or_else(|| {
            SendError::Unscripted(format!(
                "the rehearsal {} has no steps for role {}, task {}, attempt {}",
                self.script.file().display(),
                spec.role,
                spec.task_key,
                spec.attempt
            ))
        })?;
        Ok(part.steps.get(next))
    }

    async fn play(
        &self,
        step: &Step,
        index: usize,
        body: &Value,
        request: &Outgoing,
    ) -> Result<Incoming, SendError> {
        let spec = &request.spec;
        let unfilled = |reason: String| {
            SendError::Unscripted(format!(
                "step {index} of role {}, task {} in the rehearsal {}: {reason}",
                spec.role,
                spec.task_key,
                self.script.file().display()
            ))
        };
        if let Some(delay) = step.delay_seconds {
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
        let values = Values::of(spec);
        let happens = |mishap, times| self.happens(spec, index, mishap, times);
        if let Some(error) = &step.error
            && happens(Mishap::Error, step.error_times())
        {
            return error_answer(error, &values).map_err(unfilled);
        }
        let model = body["model"].as_str().unwrap_or_default();
        let mut message =
            Message::of_step(step, (spec.attempt, index), &values, model).map_err(unfilled)?;
        let hangs = happens(Mishap::Hang, step.hang_times());
        let cut = step
            .cut
            .filter(|cut| !hangs && happens(Mishap::Cut, cut.times.unwrap_or(1)));
        let (headers, mut pieces) = render(&mut message, body, request);
        if hangs {
            pieces.pieces.truncate(EVENTS_BEFORE_HANG);
            pieces.end = PiecesEnd::Hang;
        } else if let Some(cut) = cut {
            pieces.cut(cut);
        }
        Ok(Incoming {
            status: StatusCode::OK,
            headers,
            body: pieces.into_stream(),
        })
    }

    /// Tells whether a mishap that comes `times` times comes once more.
    fn happens(&self, spec: &DoorSpec, step: usize, mishap: Mishap, times: u32) -> bool {
        let mut happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
        let count = happened
            .entry((spec.task, spec.attempt, step, mishap))
            .or_default();
        let again = *count < times;
        *count = count.saturating_add(1);
        again
    }
}

impl Pieces {
    fn cut(&mut self, cut: Cut) {
        if let Some(events) = cut.after_events {
            self.pieces.truncate(events);
        }
        if let Some(bytes) = cut.after_bytes {
            let mut whole = self.pieces.concat();
            whole.truncate(bytes);
            self.pieces = vec![Bytes::from(whole)];
        }
        self.end = PiecesEnd::Cut;
    }

    fn into_stream(self) -> PieceStream {
        let pieces = stream::iter(self.pieces.into_iter().map(Ok));
        match self.end {
            PiecesEnd::Complete => Box::pin(pieces),
            PiecesEnd::Cut => {
                let end = Err("the rehearsal cuts the answer here".to_owned());
                Box::pin(pieces.chain(stream::iter([end])))
            }
            PiecesEnd::Hang => Box::pin(pieces.chain(stream::pending())),
        }
    }
}

fn whole(mut message: Message, body: &Value, request: &Outgoing) -> Incoming {
    let (headers, pieces) = render(&mut message, body, request);
    Incoming {
        status: StatusCode::OK,
        headers,
        body: pieces.into_stream(),
    }
}

/// Puts an answer into the form that the request asks for, within its `max_tokens`.
fn render(message: &mut Message, body: &Value, request: &Outgoing) -> (HeaderMap, Pieces) {
    message.estimate_usage(request.body.len());
    message.limit(body["max_tokens"].as_u64().unwrap_or(u64::MAX));
    let streamed = body["stream"] == true;
    let (kind, pieces) = if streamed {
        ("text/event-stream; charset=utf-8", message.to_events())
    } else {
        (
            "application/json",
            vec![Bytes::from(message.to_json().to_string())],
        )
    };
    (
        headers(kind),
        Pieces {
            pieces,
            end: PiecesEnd::Complete,
        },
    )
}

fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let id = format!("req_rh_{:016x}", rand::random::<u64>());
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

fn json(status: StatusCode, body: &Value) -> Incoming {
    let piece = Ok(Bytes::from(body.to_string()));
    Incoming {
        status,
        headers: headers("application/json"),
        body: Box::pin(stream::iter([piece])),
    }
}

fn error_answer(error: &StepError, values: &Values) -> Result<Incoming, String> {
    let status = StatusCode::from_u16(error.status).map_err(|e| e.to_string())?;
    let message = error
        .message
        .as_deref()
        .unwrap_or("an error of the rehearsal");
    let mut answer = json(status, &error_json(status, &values.text(message)?));
    if let Some(seconds) = error.retry_after {
        answer
            .headers
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(answer)
}

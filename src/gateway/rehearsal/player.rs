//! Plays a script in place of the model's endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::conversation::{RequestPurpose, next_step, position_note, request_purpose};
use super::message::{BYTES_PER_TOKEN, RehearsedMessage};
use super::script::RehearsalScript;
use super::step::{ScriptStep, ScriptedCut, ScriptedError};
use super::template::TemplateValues;
use crate::api::upstream_call::{
    ApiRoute, BackendError, ChunkStream, REQUEST_ID, UpstreamRequest, UpstreamResponse,
};
use crate::door::spec::DoorSpec;
use crate::http::api_response::error_object;
use eklavya_core::ids::TaskId;

/// The response when a script has no further step.
const SCRIPT_ENDED_TEXT: &str = "The rehearsal has nothing further to say here.";
/// Events that are sent before a response hangs.
const EVENTS_BEFORE_HANG: usize = 2;

/// Faults that can occur a limited number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ScriptedFault {
    Error,
    Hang,
    Cut,
}

#[derive(Debug)]
pub(crate) struct RehearsalPlayer {
    script: Arc<RehearsalScript>,
    /// How often a fault of a step has occurred, by task, attempt and step.
    fault_counts: Mutex<HashMap<(TaskId, u32, usize, ScriptedFault), u32>>,
}

/// The chunks of a response, and how it ends.
struct RehearsedBody {
    pieces: Vec<Bytes>,
    end: RehearsedBodyEnd,
}

enum RehearsedBodyEnd {
    Complete,
    Cut,
    Hang,
}

impl RehearsalPlayer {
    pub fn new(script: Arc<RehearsalScript>) -> Self {
        Self {
            script,
            fault_counts: Mutex::default(),
        }
    }

    /// Responds as the endpoint would.
    pub async fn respond(
        &self,
        request: &UpstreamRequest,
    ) -> Result<UpstreamResponse, BackendError> {
        if request.route == ApiRoute::CountTokens {
            let tokens = (request.body.len() as u64).div_ceil(BYTES_PER_TOKEN);
            return Ok(json_response(
                StatusCode::OK,
                &serde_json::json!({ "input_tokens": tokens }),
            ));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let spec = &request.spec;
        let next = next_step(&body, spec.attempt);
        let model = body["model"].as_str().unwrap_or_default();
        let aside = match request_purpose(&body) {
            RequestPurpose::Turn => None,
            RequestPurpose::Compaction => Some(format!(
                "The work so far. {}",
                position_note(spec.attempt, next)
            )),
            RequestPurpose::WebSearch => Some("A rehearsal does not search the web.".to_owned()),
        };
        match (aside, self.find_step(spec, next)?) {
            (Some(text), _) => Ok(complete_response(
                RehearsedMessage::from_text(model, &text),
                &body,
                request,
            )),
            (None, None) => Ok(complete_response(
                RehearsedMessage::from_text(model, SCRIPT_ENDED_TEXT),
                &body,
                request,
            )),
            (None, Some(step)) => self.play_step(step, next, &body, request).await,
        }
    }

    /// Returns a step of the agent's part; `None` after the last one.
    fn find_step(&self, spec: &DoorSpec, next: usize) -> Result<Option<&ScriptStep>, BackendError> {
        let part = self
            .script
            .find_part(spec.role, &spec.task_key, spec.attempt);
        let part = part.ok_or_else(|| {
            BackendError::Unscripted(format!(
                "the rehearsal {} has no steps for role {}, task {}, attempt {}",
                self.script.file().display(),
                spec.role,
                spec.task_key,
                spec.attempt
            ))
        })?;
        Ok(part.steps.get(next))
    }

    async fn play_step(
        &self,
        step: &ScriptStep,
        index: usize,
        body: &Value,
        request: &UpstreamRequest,
    ) -> Result<UpstreamResponse, BackendError> {
        let spec = &request.spec;
        let unfilled = |reason: String| {
            BackendError::Unscripted(format!(
                "step {index} of role {}, task {} in the rehearsal {}: {reason}",
                spec.role,
                spec.task_key,
                self.script.file().display()
            ))
        };
        if let Some(delay) = step.delay_seconds {
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
        let values = TemplateValues::for_agent(spec);
        let happens = |fault, times| self.take_fault(spec, index, fault, times);
        if let Some(error) = &step.error
            && happens(ScriptedFault::Error, step.error_times())
        {
            return error_response(error, &values).map_err(unfilled);
        }
        let model = body["model"].as_str().unwrap_or_default();
        let mut message = RehearsedMessage::from_step(step, (spec.attempt, index), &values, model)
            .map_err(unfilled)?;
        let hangs = happens(ScriptedFault::Hang, step.hang_times());
        let cut = step
            .cut
            .filter(|cut| !hangs && happens(ScriptedFault::Cut, cut.times.unwrap_or(1)));
        let (headers, mut pieces) = render(&mut message, body, request);
        if hangs {
            pieces.pieces.truncate(EVENTS_BEFORE_HANG);
            pieces.end = RehearsedBodyEnd::Hang;
        } else if let Some(cut) = cut {
            pieces.cut_at(cut);
        }
        Ok(UpstreamResponse {
            status: StatusCode::OK,
            headers,
            body: pieces.into_stream(),
        })
    }

    /// Counts a fault; returns whether it still occurs, given that it occurs `times` times.
    fn take_fault(&self, spec: &DoorSpec, step: usize, fault: ScriptedFault, times: u32) -> bool {
        let mut happened = self
            .fault_counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = happened
            .entry((spec.task, spec.attempt, step, fault))
            .or_default();
        let again = *count < times;
        *count = count.saturating_add(1);
        again
    }
}

impl RehearsedBody {
    fn cut_at(&mut self, cut: ScriptedCut) {
        if let Some(events) = cut.after_events {
            self.pieces.truncate(events);
        }
        if let Some(bytes) = cut.after_bytes {
            let mut whole = self.pieces.concat();
            whole.truncate(bytes);
            self.pieces = vec![Bytes::from(whole)];
        }
        self.end = RehearsedBodyEnd::Cut;
    }

    fn into_stream(self) -> ChunkStream {
        let pieces = stream::iter(self.pieces.into_iter().map(Ok));
        match self.end {
            RehearsedBodyEnd::Complete => Box::pin(pieces),
            RehearsedBodyEnd::Cut => {
                let end = Err("the rehearsal cuts the response here".to_owned());
                Box::pin(pieces.chain(stream::iter([end])))
            }
            RehearsedBodyEnd::Hang => Box::pin(pieces.chain(stream::pending())),
        }
    }
}

fn complete_response(
    mut message: RehearsedMessage,
    body: &Value,
    request: &UpstreamRequest,
) -> UpstreamResponse {
    let (headers, pieces) = render(&mut message, body, request);
    UpstreamResponse {
        status: StatusCode::OK,
        headers,
        body: pieces.into_stream(),
    }
}

/// Renders a response in the form that the request asks for, within its `max_tokens`.
fn render(
    message: &mut RehearsedMessage,
    body: &Value,
    request: &UpstreamRequest,
) -> (HeaderMap, RehearsedBody) {
    message.estimate_usage(request.body.len());
    message.truncate_to(body["max_tokens"].as_u64().unwrap_or(u64::MAX));
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
        response_headers(kind),
        RehearsedBody {
            pieces,
            end: RehearsedBodyEnd::Complete,
        },
    )
}

fn response_headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let id = format!("req_rh_{:016x}", rand::random::<u64>());
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

fn json_response(status: StatusCode, body: &Value) -> UpstreamResponse {
    let piece = Ok(Bytes::from(body.to_string()));
    UpstreamResponse {
        status,
        headers: response_headers("application/json"),
        body: Box::pin(stream::iter([piece])),
    }
}

fn error_response(
    error: &ScriptedError,
    values: &TemplateValues,
) -> Result<UpstreamResponse, String> {
    let status = StatusCode::from_u16(error.status).map_err(|e| e.to_string())?;
    let message = error
        .message
        .as_deref()
        .unwrap_or("an error of the rehearsal");
    let mut response = json_response(status, &error_object(status, &values.render_text(message)?));
    if let Some(seconds) = error.retry_after {
        response
            .headers
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

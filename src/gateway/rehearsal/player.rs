//! Plays a script in place of the model's endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::conversation::{RequestPurpose, next_step, position_note, request_purpose};
use super::message::RehearsedMessage;
use super::rehearsed_response::{
    RehearsedBody, error_response, ok_response, render, token_count_response,
};
use super::script::RehearsalScript;
use super::step::ScriptStep;
use super::template::TemplateValues;
use crate::api::upstream_call::{ApiRoute, BackendError, UpstreamRequest, UpstreamResponse};
use crate::door::spec::DoorSpec;
use eklavya_core::ids::TaskId;

/// The response when a script has no further step.
const SCRIPT_ENDED_TEXT: &str = "The rehearsal has nothing further to say here.";
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
            return Ok(token_count_response(request.body.len()));
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
        let text = match (aside, self.find_step(spec, next)?) {
            (None, Some(step)) => return self.play_step(step, next, &body, request).await,
            (Some(text), _) => text,
            (None, None) => SCRIPT_ENDED_TEXT.to_owned(),
        };
        let mut message = RehearsedMessage::from_text(model, &text);
        let (headers, pieces) = render(&mut message, &body, request.body.len());
        Ok(ok_response(headers, pieces))
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
        let unfilled = |reason: String| self.unfilled_step(spec, index, &reason);
        if let Some(delay) = step.delay_seconds {
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
        let values = TemplateValues::for_agent(spec);
        if let Some(error) = &step.error
            && self.take_fault(spec, index, ScriptedFault::Error, step.error_times())
        {
            return error_response(error, &values).map_err(unfilled);
        }
        let model = body["model"].as_str().unwrap_or_default();
        let mut message = RehearsedMessage::from_step(step, (spec.attempt, index), &values, model)
            .map_err(unfilled)?;
        let (headers, mut pieces) = render(&mut message, body, request.body.len());
        self.break_off(step, index, spec, &mut pieces);
        Ok(ok_response(headers, pieces))
    }

    fn unfilled_step(&self, spec: &DoorSpec, index: usize, reason: &str) -> BackendError {
        BackendError::Unscripted(format!(
            "step {index} of role {}, task {} in the rehearsal {}: {reason}",
            spec.role,
            spec.task_key,
            self.script.file().display()
        ))
    }

    /// Lets a response hang or cuts it, if the step states so.
    fn break_off(
        &self,
        step: &ScriptStep,
        index: usize,
        spec: &DoorSpec,
        pieces: &mut RehearsedBody,
    ) {
        let happens = |fault, times| self.take_fault(spec, index, fault, times);
        if happens(ScriptedFault::Hang, step.hang_times()) {
            pieces.hang();
        } else if let Some(cut) = step.cut
            && happens(ScriptedFault::Cut, cut.times.unwrap_or(1))
        {
            pieces.cut_at(cut);
        }
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

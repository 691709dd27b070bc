//! What the end of an agent means for its task.

use std::time::Duration;

use crate::agent::run::FinishedAgent;
use crate::context::error::EngineError;
use crate::context::stop::StopRequest;
use eklavya_claude::session::outcome::{FailureReason, SessionEnd};
use eklavya_core::agent::AgentState;
use eklavya_gateway::DoorError;
use eklavya_sandbox::DiskQuotaExceeded;
use eklavya_services::{DataStore, agents};

pub(super) enum AttemptOutcome {
    /// The agent reports that it is done.
    Completed {
        text: String,
        answer: Option<serde_json::Value>,
    },
    /// The admin killed the agent.
    Killed,
    /// The run is being stopped.
    Stopped(EngineError),
    /// The budget or the model endpoint prevents every agent from working.
    StageFailed(EngineError),
    /// The agent died or hung; another may resume its conversation.
    AgentFailed(String),
    /// The CLI does not find the conversation to resume: it was killed before it recorded a message.
    ConversationLost(String),
    /// The agent failed at the task; the next attempt is told why.
    TaskFailed(String),
    DiskQuotaExceeded(DiskQuotaExceeded),
}

/// `silence` is how long an agent may be silent; it is named in the reason.
pub(super) async fn classify_end(
    data: &DataStore,
    stop: &StopRequest,
    silence: Duration,
    finished: &FinishedAgent,
) -> Result<AttemptOutcome, EngineError> {
    let agent = agents::get(data, finished.agent.id).await?;
    if matches!(agent.state, AgentState::Killed { .. }) {
        return Ok(AttemptOutcome::Killed);
    }
    Ok(match &finished.ended {
        SessionEnd::Completed { text, structured } => AttemptOutcome::Completed {
            text: text.clone(),
            answer: structured.clone(),
        },
        SessionEnd::Interrupted | SessionEnd::Killed => classify_interruption(stop, finished),
        SessionEnd::Silent => AttemptOutcome::AgentFailed(format!(
            "it gave no sign of life for {} s",
            silence.as_secs()
        )),
        SessionEnd::Failed { reason, message } => classify_failure(stop, finished, reason, message),
    })
}

fn classify_interruption(stop: &StopRequest, finished: &FinishedAgent) -> AttemptOutcome {
    match (stop.reason(), &finished.disk_quota_exceeded) {
        (Some(reason), _) => AttemptOutcome::Stopped(EngineError::Stopped(reason)),
        (None, Some(exceeded)) => AttemptOutcome::DiskQuotaExceeded(exceeded.clone()),
        (None, None) => AttemptOutcome::AgentFailed("its process was killed".to_owned()),
    }
}

fn classify_failure(
    stop: &StopRequest,
    finished: &FinishedAgent,
    reason: &FailureReason,
    message: &str,
) -> AttemptOutcome {
    if let Some(reason) = stop.reason() {
        return AttemptOutcome::Stopped(EngineError::Stopped(reason));
    }
    match (reason, &finished.problem) {
        (FailureReason::ApiError { .. }, Some(problem)) => classify_door_error(problem),
        (FailureReason::ApiError { .. }, None)
        | (
            FailureReason::ProcessDied
            | FailureReason::StartFailed
            | FailureReason::ToolsUnavailable,
            _,
        ) => AttemptOutcome::AgentFailed(message.to_owned()),
        (FailureReason::UnknownSession | FailureReason::SessionInUse, _) => {
            AttemptOutcome::ConversationLost(message.to_owned())
        }
        (
            FailureReason::ContextFull
            | FailureReason::MaxTurns
            | FailureReason::Schema
            | FailureReason::BudgetCap
            | FailureReason::Other(_),
            _,
        ) => AttemptOutcome::TaskFailed(message.to_owned()),
    }
}

fn classify_door_error(error: &DoorError) -> AttemptOutcome {
    let text = error.to_string();
    match error {
        DoorError::OverBudget(_) => AttemptOutcome::StageFailed(EngineError::OverBudget(text)),
        DoorError::Unscripted(_) => AttemptOutcome::StageFailed(EngineError::Rehearsal(text)),
        DoorError::Unauthorized { .. }
        | DoorError::Unreachable(_)
        | DoorError::ModelNotFound { .. }
        | DoorError::RateLimitedTooLong(_)
        | DoorError::Ledger(_) => AttemptOutcome::StageFailed(EngineError::Model(text)),
        DoorError::Refused { .. } => AttemptOutcome::AgentFailed(text),
    }
}

//! The observations of a run, and the outcome that follows from them.

use std::process::ExitStatus;

use crate::session::outcome::{FailureReason, SessionEnd, SessionOutcome};
use crate::stream::{PermissionDenial, TurnInit, TurnResult};
use crate::transcript::escape_unprintable;

/// How much of stderr is kept for an error message, in bytes.
const STDERR_TAIL_BYTES: usize = 4 * 1024;

/// Why we stopped a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopCause {
    /// The caller sent an interrupt.
    Interrupt,
    /// The caller sent a kill.
    Kill,
    /// The agent showed no sign of life.
    Silence,
    /// Our tools did not start, for this reason.
    ToolsUnavailable(String),
    /// The CLI does not read its stdin.
    StdinBlocked,
    TranscriptFailed,
}

/// The observations of a run.
#[derive(Debug, Default)]
pub(crate) struct SessionObservations {
    init: Option<TurnInit>,
    result: Option<TurnResult>,
    denials: Vec<PermissionDenial>,
    stderr: String,
    cause: Option<StopCause>,
    pub(crate) killed: bool,
}

impl SessionObservations {
    pub(crate) fn add_init(&mut self, init: TurnInit) {
        self.init = Some(init);
    }

    /// The last result counts, but a structured result is kept if a later turn has none.
    pub(crate) fn add_result(&mut self, mut result: TurnResult) {
        for denial in result.permission_denials.drain(..) {
            self.add_denial(denial);
        }
        let earlier = self.result.take().filter(|earlier| !earlier.is_error);
        if result.structured_output.is_none() && !result.is_error {
            result.structured_output = earlier.and_then(|earlier| earlier.structured_output);
        }
        self.result = Some(result);
    }

    /// One denial may occur as an event and again in the result: it is kept once, completed.
    pub(crate) fn add_denial(&mut self, denial: PermissionDenial) {
        let known = self
            .denials
            .iter_mut()
            .find(|known| known.tool_use_id == denial.tool_use_id);
        match known {
            Some(known) => {
                known.reason = known.reason.take().or(denial.reason);
                if known.input.is_null() {
                    known.input = denial.input;
                }
            }
            None => self.denials.push(denial),
        }
    }

    pub(crate) fn add_stderr(&mut self, line: &str) {
        self.stderr.push_str(line);
        self.stderr.push('\n');
        let excess = self.stderr.len().saturating_sub(STDERR_TAIL_BYTES);
        let cut = (excess..=self.stderr.len()).find(|at| self.stderr.is_char_boundary(*at));
        self.stderr.drain(..cut.unwrap_or_default());
    }

    /// The first cause counts, except that a kill overrides an interrupt.
    pub(crate) fn set_cause(&mut self, cause: StopCause) {
        if self.cause.is_none() || cause == StopCause::Kill {
            self.cause = Some(cause);
        }
    }

    /// Returns the outcome.
    pub(crate) fn into_outcome(self, exit: Option<ExitStatus>) -> SessionOutcome {
        let ended = self.determine_end(exit);
        let (init, result) = (self.init, self.result);
        let session_id = result.as_ref().map(|result| result.session_id.clone());
        SessionOutcome {
            end: ended,
            session_id: session_id
                .or(init.map(|init| init.session_id))
                .filter(|id| !id.is_empty()),
            turns: result.map_or(0, |result| result.num_turns),
            denials: self.denials,
            exit_status: exit,
        }
    }

    fn determine_end(&self, exit: Option<ExitStatus>) -> SessionEnd {
        let finished = self
            .result
            .as_ref()
            .filter(|result| !result.is_error && self.init.is_some());
        match (&self.cause, finished, &self.result) {
            (Some(StopCause::Kill), None, _) => SessionEnd::Killed,
            (Some(StopCause::ToolsUnavailable(problem)), ..) => {
                failed_end(FailureReason::ToolsUnavailable, problem)
            }
            // The run may have finished just before it was stopped: completed work counts.
            (_, Some(result), _) => completed_end(result),
            (Some(StopCause::Silence), ..) => SessionEnd::Silent,
            (Some(StopCause::Interrupt | StopCause::TranscriptFailed), ..) if self.killed => {
                SessionEnd::Killed
            }
            (Some(StopCause::Interrupt | StopCause::TranscriptFailed), ..) => {
                SessionEnd::Interrupted
            }
            (Some(StopCause::StdinBlocked), ..) => failed_end(
                FailureReason::ProcessDied,
                "the CLI stopped reading its input",
            ),
            (_, _, Some(result)) if result.is_error => failed_result(result),
            (_, _, Some(_)) => failed_end(FailureReason::StartFailed, NO_TURN),
            (_, _, None) => self.unexpected_exit(exit),
        }
    }

    fn unexpected_exit(&self, exit: Option<ExitStatus>) -> SessionEnd {
        let how = exit.map_or_else(
            || "in an unknown way".to_owned(),
            |exit| format!("with {exit}"),
        );
        let stderr = match self.stderr.trim() {
            "" => "it wrote nothing to stderr".to_owned(),
            tail => format!("the end of its stderr: {tail}"),
        };
        let reason = match &self.init {
            Some(_) => FailureReason::ProcessDied,
            None if self.stderr.contains("already in use") => FailureReason::SessionInUse,
            None if self.stderr.contains(NO_CONVERSATION) => FailureReason::UnknownSession,
            None => FailureReason::StartFailed,
        };
        let when = match &self.init {
            Some(_) => "in the middle of a turn",
            None => "before its first turn began",
        };
        failed_end(reason, &format!("the CLI ended {when}, {how}; {stderr}"))
    }
}

/// The error of a result without a turn: the CLI does not speak the protocol that we know.
const NO_TURN: &str = "the CLI reported a result without ever beginning a turn";

/// The CLI's message if the conversation to resume is not recorded.
const NO_CONVERSATION: &str = "No conversation found";

fn completed_end(result: &TurnResult) -> SessionEnd {
    SessionEnd::Completed {
        text: result.text.clone(),
        structured: result.structured_output.clone(),
    }
}

fn failed_end(reason: FailureReason, message: &str) -> SessionEnd {
    SessionEnd::Failed {
        reason,
        message: escape_unprintable(message),
    }
}

fn failed_result(result: &TurnResult) -> SessionEnd {
    let mut message = result.errors.join("\n");
    if message.is_empty() {
        message.clone_from(&result.text);
    }
    if message.is_empty() {
        message = format!("the CLI reported {}", result.subtype);
    }
    failed_end(classify_failure(result, &message), &message)
}

fn classify_failure(result: &TurnResult, message: &str) -> FailureReason {
    match (result.terminal_reason.as_deref(), result.subtype.as_str()) {
        (Some("prompt_too_long"), _) => FailureReason::ContextFull,
        (_, "error_max_turns") => FailureReason::MaxTurns,
        (_, "error_max_budget_usd") => FailureReason::BudgetCap,
        (_, "error_max_structured_output_retries") => FailureReason::Schema,
        (_, "error_during_execution") if message.contains(NO_CONVERSATION) => {
            FailureReason::UnknownSession
        }
        (Some("api_error" | "image_error"), _) | (_, "success") => FailureReason::ApiError {
            status: result.api_error_status,
        },
        (_, subtype) => FailureReason::Other(subtype.to_owned()),
    }
}

#[cfg(test)]
mod tests;

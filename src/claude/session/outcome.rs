//! How a run of the CLI ended, and how that is judged.

use std::process::ExitStatus;

use serde_json::Value;

use crate::stream::PermissionDenial;

/// Everything that is known once the process is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOutcome {
    /// How it ended.
    pub end: SessionEnd,
    /// The conversation, as the CLI named it; `None` when it never got that far.
    pub session_id: Option<String>,
    /// How many answers the model gave.
    pub turns: u64,
    /// The calls that permission rules refused, each once.
    pub denials: Vec<PermissionDenial>,
    /// How the process ended; `None` when even its death was not seen.
    pub exit_status: Option<ExitStatus>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEnd {
    /// The model finished.
    Completed {
        /// Its last words, as they came: not safe to show on a terminal, see
        /// [`super::transcript::printable`].
        text: String,
        /// The answer by the schema; may be missing even where one was asked for.
        structured: Option<Value>,
    },
    /// It did not.
    Failed {
        /// Why, for decisions.
        reason: FailureReason,
        /// Why, for people: one or more lines, safe to show.
        message: String,
    },
    /// We interrupted it and it stopped.
    Interrupted,
    /// We killed it.
    Killed,
    /// It gave no sign of life for too long, and was stopped.
    Silent,
}

impl SessionEnd {
    /// Returns a word for it.
    pub fn label(&self) -> &'static str {
        match self {
            SessionEnd::Completed { .. } => "completed",
            SessionEnd::Failed { .. } => "failed",
            SessionEnd::Interrupted => "interrupted",
            SessionEnd::Killed => "killed",
            SessionEnd::Silent => "silent",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureReason {
    /// A request to the model failed for good.
    ApiError {
        /// Its HTTP status; `None` when there was no answer. 402 is the gateway's refusal to
        /// spend more.
        status: Option<u16>,
    },
    /// The conversation no longer fits into the model's context.
    ContextFull,
    /// The model gave as many answers as it may.
    MaxTurns,
    /// The model did not manage to answer by the schema.
    Schema,
    /// The CLI's own budget is spent.
    BudgetCap,
    /// The conversation to resume is not recorded.
    UnknownSession,
    /// The conversation to begin exists already: it is to be resumed.
    SessionInUse,
    /// The orchestrator's tools did not come up.
    ToolsUnavailable,
    /// The CLI ended before its first turn began.
    StartFailed,
    /// The CLI ended in the middle of a turn.
    ProcessDied,
    /// The CLI reported something else, by its own label.
    Other(String),
}

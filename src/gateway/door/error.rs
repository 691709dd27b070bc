//! Why the requests at a door fail.

use std::time::Duration;

use eklavya_core::ledger::BudgetShortage;

/// Why an agent's requests failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// A spending limit does not cover the request.
    #[error("{0}")]
    OverBudget(Box<BudgetShortage>),
    /// The endpoint does not accept the credential.
    #[error(
        "the model's endpoint rejected the credential (status {status}): {message}; check ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or model.keyFile"
    )]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// The endpoint's error message.
        message: String,
    },
    /// The endpoint cannot be reached or is failing.
    #[error("the model's endpoint is unreachable: {0}; check model.url and the network")]
    Unreachable(String),
    /// The endpoint has no such model.
    #[error("the model's endpoint has no model {model:?}: {message}")]
    ModelNotFound {
        model: String,
        /// The endpoint's error message.
        message: String,
    },
    /// The endpoint's rate limit lasts longer than requests may wait.
    #[error("the model's rate limit did not end within {} s", .0.as_secs())]
    RateLimitedTooLong(Duration),
    /// The rehearsal has no response to the request.
    #[error("{0}")]
    Unscripted(String),
    /// The endpoint rejected the request itself.
    #[error("the model's endpoint rejected a request (status {status}): {message}")]
    Refused {
        status: u16,
        /// The endpoint's error message.
        message: String,
    },
    /// The ledger cannot be written, so the request is not sent.
    #[error("the ledger cannot be written: {0}")]
    Ledger(String),
}

impl DoorError {
    /// Whether the gateway itself refused the request, as opposed to a failure or a refusal by the
    /// endpoint.
    pub(crate) fn is_gateway_refusal(&self) -> bool {
        match self {
            DoorError::OverBudget(_)
            | DoorError::RateLimitedTooLong(_)
            | DoorError::Unscripted(_) => true,
            DoorError::Unauthorized { .. }
            | DoorError::Unreachable(_)
            | DoorError::ModelNotFound { .. }
            | DoorError::Refused { .. }
            | DoorError::Ledger(_) => false,
        }
    }
}

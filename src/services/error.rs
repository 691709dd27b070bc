//! Errors of the use cases.

use super::secrets::SecretError;
use eklavya_core::InvalidTransition;
use eklavya_core::agent::message::InvalidMessage;
use eklavya_core::failure_kind::FailureKind;
use eklavya_core::job::JobGoal;
use eklavya_core::lease::LeaseHolder;
use eklavya_core::project::slug::InvalidSlug;
use eklavya_core::state::predicate;
use eklavya_store::StoreError;

/// Why a use case failed; its transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state does not allow the event.
    #[error("{name}: {source}")]
    State {
        name: String,
        source: InvalidTransition,
    },
    /// Another process changed it at the same time.
    #[error("another process changed {0} at the same time")]
    Conflict(String),
    /// It does not exist.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// The kind of entity.
        what: &'static str,
        name: String,
    },
    /// A short id matches several.
    #[error("{prefix:?} matches {count} {what}; type more of the id")]
    Ambiguous {
        /// The kind of entity, in the plural.
        what: &'static str,
        prefix: String,
        /// The number of matches.
        count: usize,
    },
    /// Another project has the slug.
    #[error("project {0:?} already exists")]
    SlugInUse(String),
    #[error(transparent)]
    Slug(#[from] InvalidSlug),
    #[error("the brief {0}")]
    Brief(String),
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The recipient has ended and cannot receive messages.
    #[error("agent {0} has ended ({1}) and cannot receive messages")]
    RecipientEnded(String, &'static str),
    /// The project's stage does not allow a job for this goal.
    #[error(
        "project {project} is {}; a job for {goal} cannot start from there",
        predicate(status)
    )]
    GoalUnreachable {
        project: String,
        status: &'static str,
        goal: JobGoal,
    },
    /// Another worker holds the project's lease.
    #[error("another process ({holder}) is working on {project}")]
    Leased {
        project: String,
        holder: Box<LeaseHolder>,
    },
}

impl ServiceError {
    /// Returns whether the database is unavailable, but may come back.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unavailable())
    }

    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Store(error) => error.failure_kind(),
            Self::Secret(error) => error.failure_kind(),
            Self::State { .. }
            | Self::Conflict(_)
            | Self::GoalUnreachable { .. }
            | Self::RecipientEnded(..)
            | Self::Leased { .. } => FailureKind::WrongState,
            Self::NotFound { .. } => FailureKind::NotFound,
            Self::Ambiguous { .. }
            | Self::SlugInUse(_)
            | Self::Slug(_)
            | Self::Brief(_)
            | Self::Message(_) => FailureKind::Usage,
        }
    }
}

//! What a use case can answer instead of doing its work.

use super::secrets::SecretError;
use eklavya_core::InvalidTransition;
use eklavya_core::agent::message::InvalidMessage;
use eklavya_core::job::JobGoal;
use eklavya_core::lease::LeaseHolder;
use eklavya_core::project::slug::InvalidSlug;
use eklavya_store::StoreError;

/// Why a use case did not do its work; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state does not allow it.
    #[error("{name}: {source}")]
    State {
        /// Which one.
        name: String,
        /// The entity, its state and what was to happen.
        source: InvalidTransition,
    },
    /// Somebody else changed it at the same moment.
    #[error("{0} was changed by another process at the same moment")]
    Conflict(String),
    /// There is no such thing.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// A short id fits several.
    #[error("{prefix:?} fits {count} {what}: type more of the id")]
    Ambiguous {
        /// The kind of thing, in the plural.
        what: &'static str,
        /// What was typed.
        prefix: String,
        /// How many it fits.
        count: usize,
    },
    /// The slug is another project's.
    #[error("there is already a project {0:?}")]
    SlugInUse(String),
    /// The slug cannot be one.
    #[error(transparent)]
    Slug(#[from] InvalidSlug),
    /// The brief cannot be one.
    #[error("the brief {0}")]
    Brief(String),
    /// The message cannot be one.
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    /// A secret cannot be set or used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The agent is no longer there to be told anything.
    #[error("agent {0} is {1}: nobody would receive the message")]
    RecipientEnded(String, &'static str),
    /// The project is not where a job can work towards its goal.
    #[error("project {project} is {status}; it cannot be worked on towards {goal} from there")]
    GoalUnreachable {
        /// The project's slug.
        project: String,
        /// Where it stands.
        status: &'static str,
        /// What was to be reached.
        goal: JobGoal,
    },
    /// Another worker holds the project.
    #[error("another process ({holder}) is working on {project}")]
    Leased {
        /// The project's slug.
        project: String,
        /// The worker.
        holder: Box<LeaseHolder>,
    },
}

impl ServiceError {
    /// Whether the database is away and may come back.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unavailable())
    }
}

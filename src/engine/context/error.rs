//! Why a stage did not complete.

use std::io;
use std::path::{Path, PathBuf};

use super::stop::StopReason;
use eklavya_claude::session::SessionError;
use eklavya_core::failure_kind::{FailureKind, message_with_causes};
use eklavya_core::project::{Project, ProjectState};
use eklavya_core::state::predicate;
use eklavya_gateway::PriceTableError;
use eklavya_git::{GitError, SecretLeak};
use eklavya_sandbox::SandboxError;
use eklavya_services::ServiceError;
use eklavya_store::StoreError;

/// Why a stage did not complete. Everything that it finished is kept.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A use case refused, or the database failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Vcs(#[from] GitError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An agent's process did not start, or its transcript cannot be written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The project's state does not allow the stage.
    #[error("project {slug} is {}; {needed}", predicate(status))]
    WrongStage {
        slug: String,
        status: &'static str,
        /// What the stage needs instead.
        needed: &'static str,
    },
    /// A limit does not allow another request.
    #[error("{0}")]
    OverBudget(String),
    /// The model endpoint cannot be used.
    #[error("{0}")]
    Model(String),
    /// The price list cannot be used.
    #[error(transparent)]
    Pricing(#[from] PriceTableError),
    /// The rehearsal cannot be used, or has no answer.
    #[error("{0}")]
    Rehearsal(String),
    /// Tasks wait for the admin: each task's key and its question.
    #[error("{} waiting for a decision: {}", count_tasks(.0.len()), .0.iter().map(|(key, question)| format!("{key}: {question}")).collect::<Vec<_>>().join("; "))]
    NeedsDecision(Vec<(String, String)>),
    /// The product to deliver contains secrets.
    #[error("the product contains secrets and is not delivered: {}", .0.iter().map(describe_leak).collect::<Vec<_>>().join("; "))]
    LeakedSecrets(Vec<SecretLeak>),
    /// The work was stopped before it completed.
    #[error("{}", describe_stop(*.0))]
    Stopped(StopReason),
    /// The work has no usable result.
    #[error("{0}")]
    Failed(String),
}

fn count_tasks(tasks: usize) -> String {
    if tasks == 1 {
        "a task is".to_owned()
    } else {
        format!("{tasks} tasks are")
    }
}

fn describe_leak(leak: &SecretLeak) -> String {
    format!("{} in {}", leak.secrets.join(" and "), leak.place)
}

fn describe_stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Interrupted => "interrupted; the agents' work was checkpointed",
        StopReason::Paused => "the project was paused; the agents' work was checkpointed",
        StopReason::LeaseLost => "another worker has taken over the project",
        StopReason::StoreUnavailable => "the database is unavailable; the agents were stopped",
        StopReason::Drained => "the worker is shutting down; the agents' work was kept",
        StopReason::Cancelled => "the job was cancelled; the agents' work was checkpointed",
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl EngineError {
    /// Whether the database is away and may come back.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Service(error) => error.is_unavailable(),
            Self::Stopped(reason) => *reason == StopReason::StoreUnavailable,
            _ => false,
        }
    }

    /// Whether another worker took over the project.
    pub(crate) fn is_lease_lost(&self) -> bool {
        match self {
            Self::Service(ServiceError::Store(error)) => error.is_lease_lost(),
            Self::Vcs(error) => matches!(error, GitError::Fenced { .. }),
            Self::Stopped(reason) => *reason == StopReason::LeaseLost,
            _ => false,
        }
    }

    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Service(error) => error.failure_kind(),
            Self::Vcs(_) | Self::Sandbox(_) | Self::Session(_) | Self::Io { .. } => {
                FailureKind::Environment
            }
            Self::Model(_) => FailureKind::Environment,
            Self::WrongStage { .. } | Self::LeakedSecrets(_) => FailureKind::WrongState,
            Self::OverBudget(_) => FailureKind::OverBudget,
            Self::Pricing(_) | Self::Rehearsal(_) => FailureKind::Usage,
            Self::NeedsDecision(_) => FailureKind::NeedsDecision,
            Self::Stopped(reason) => reason.failure_kind(),
            Self::Failed(_) => FailureKind::Failed,
        }
    }

    /// Returns the message with its causes, as a command or a job reports it. Errors of the database
    /// and of secrets state their causes themselves, as far as people need them.
    pub fn failure_message(&self) -> String {
        match self {
            Self::Service(ServiceError::Store(error)) => error.to_string(),
            Self::Service(ServiceError::Secret(error)) => error.to_string(),
            other => message_with_causes(other),
        }
    }

    /// Returns a function that adds the file's path to an I/O error.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { path, source }
    }

    /// Returns the error that the project's state does not allow a stage. A paused or archived project
    /// has to be resumed first, whatever else the stage needs.
    pub(crate) fn wrong_stage(project: &Project, needed: &'static str) -> Self {
        let needed = match project.state {
            ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                "no stage runs until it is resumed"
            }
            ProjectState::Active { .. } | ProjectState::Delivered { .. } => needed,
        };
        Self::WrongStage {
            slug: project.slug.clone(),
            status: project.state.status(),
            needed,
        }
    }
}

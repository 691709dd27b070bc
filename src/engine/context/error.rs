//! Why a stage could not be brought to its end.

use std::io;
use std::path::{Path, PathBuf};

use super::stop::StopReason;
use eklavya_claude::session::SessionError;
use eklavya_core::project::{Project, ProjectState};
use eklavya_gateway::PriceTableError;
use eklavya_git::{GitError, SecretLeak};
use eklavya_sandbox::SandboxError;
use eklavya_services::ServiceError;
use eklavya_store::StoreError;

/// Why a stage could not be brought to its end; everything that was finished is kept.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A use case refused, or the database failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Git failed.
    #[error(transparent)]
    Vcs(#[from] GitError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An agent's process could not be driven.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The project is not where the stage begins.
    #[error("project {slug} is {status}; {needed}")]
    WrongStage {
        /// The project.
        slug: String,
        /// Where it stands.
        status: &'static str,
        /// What the stage needs.
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
    /// Tasks wait for the admin.
    #[error("{} waiting for a decision: {}", count_tasks(.0.len()), .0.iter().map(|(key, question)| format!("{key}: {question}")).collect::<Vec<_>>().join("; "))]
    NeedsDecision(Vec<(String, String)>),
    /// What is to be delivered holds secrets.
    #[error("the product holds what is secret and is not delivered: {}", .0.iter().map(describe_leak).collect::<Vec<_>>().join("; "))]
    LeakedSecrets(Vec<SecretLeak>),
    /// The work was stopped before its end.
    #[error("{}", describe_stop(*.0))]
    Stopped(StopReason),
    /// Nothing usable came of it.
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
        StopReason::LeaseLost => "another worker has taken the project over",
        StopReason::StoreUnavailable => "the database went away; the agents were stopped",
        StopReason::Drained => "the worker ends; the agents' work was kept",
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
    pub fn is_away(&self) -> bool {
        match self {
            Self::Service(error) => error.is_unavailable(),
            Self::Stopped(reason) => *reason == StopReason::StoreUnavailable,
            _ => false,
        }
    }

    /// Whether another worker took the project over.
    pub fn is_lease_lost(&self) -> bool {
        match self {
            Self::Service(ServiceError::Store(error)) => error.is_lease_lost(),
            Self::Vcs(error) => matches!(error, GitError::Fenced { .. }),
            Self::Stopped(reason) => *reason == StopReason::LeaseLost,
            _ => false,
        }
    }

    /// Returns an error about a file.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { path, source }
    }

    /// Returns the error that a project is not where a stage begins.
    pub fn wrong_stage(project: &Project, needed: &'static str) -> Self {
        let needed = match project.state {
            ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                "nothing works on it until it is resumed"
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

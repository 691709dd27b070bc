//! Errors of secrets. No message contains a value.

use std::io;
use std::path::PathBuf;

use eklavya_core::failure_kind::FailureKind;
use eklavya_core::ids::ProjectId;
use eklavya_core::secret::{InvalidSecretValue, SecretName};

/// Why a secret cannot be set or used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(transparent)]
    Value(#[from] InvalidSecretValue),
    /// Secrets exist, but the key file is missing.
    #[error("the key of the secrets is missing: {} does not exist", path.display())]
    NoKey { path: PathBuf },
    /// The file has other keys.
    #[error(
        "secret {name} is sealed with key {key}, which is not in {}",
        path.display()
    )]
    WrongKey {
        path: PathBuf,
        name: SecretName,
        /// The id of the needed key.
        key: String,
    },
    /// The file is not a valid key file.
    #[error("cannot use the key file {}: {problem}", path.display())]
    KeyFile {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("cannot {action} the key file {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The sealed value was changed.
    #[error(
        "the database is damaged: secret {name} of project {project} was changed after it was sealed"
    )]
    Damaged {
        name: SecretName,
        project: ProjectId,
    },
    /// A value could not be sealed; the cipher refuses only values far larger than any secret.
    #[error("the value cannot be sealed")]
    Unsealable,
    /// There are no secrets whose key could be changed.
    #[error("there is no key yet; setting the first secret creates it")]
    NoKeyYet,
}

impl SecretError {
    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Value(_) | Self::Unsealable => FailureKind::Usage,
            Self::NoKeyYet => FailureKind::WrongState,
            Self::NoKey { .. }
            | Self::WrongKey { .. }
            | Self::KeyFile { .. }
            | Self::Io { .. }
            | Self::Damaged { .. } => FailureKind::Environment,
        }
    }
}

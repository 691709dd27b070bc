//! Why a secret cannot be set or used. No text holds a value.

use std::io;
use std::path::PathBuf;

use eklavya_core::ids::ProjectId;
use eklavya_core::secret::{InvalidSecretValue, SecretName};

/// Why a secret cannot be set or used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The value cannot be one.
    #[error(transparent)]
    Value(#[from] InvalidSecretValue),
    /// There are secrets, and no key for them.
    #[error("the key that the secrets are sealed with is missing: there is no file {}", path.display())]
    NoKey {
        /// Where it is looked for.
        path: PathBuf,
    },
    /// The file has other keys.
    #[error(
        "the secret {name} is sealed with the key {key}, which is not in {}",
        path.display()
    )]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// The secret.
        name: SecretName,
        /// The name of the key that is needed.
        key: String,
    },
    /// The file is not one of keys.
    #[error("{} cannot be used as the key of secrets: {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file could not be read or written.
    #[error("cannot {action} the key of secrets {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The sealed value is not what was sealed.
    #[error(
        "the database is damaged: the secret {name} of project {project} is not as it was sealed"
    )]
    Damaged {
        /// The secret.
        name: SecretName,
        /// Its project's id.
        project: ProjectId,
    },
    /// A value could not be sealed; the cipher refuses only what is far larger than any secret.
    #[error("the value cannot be sealed")]
    Unsealable,
    /// There is nothing to change.
    #[error("there is no key yet: it is made with the first secret")]
    NoKeyYet,
}

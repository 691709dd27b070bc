//! What can be wrong with the configuration.

use std::io;

use camino::Utf8PathBuf;

use eklavya_core::agent::role::UnknownRole;
use eklavya_core::egress::HostPatternError;

/// Why the configuration cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that is not in the table.
    #[error("no configuration key is called {key:?}{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// As it was written.
        key: String,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A section of roles names one that there is not.
    #[error("{key}: {source}")]
    UnknownRole {
        /// As it was written.
        key: String,
        /// Which roles there are.
        source: UnknownRole,
    },
    /// A value that its key does not take.
    #[error("{key} takes {expected}, not {value:?}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value as it was written.
        value: String,
        /// What the key takes.
        expected: String,
    },
    /// An entry of a list of hosts is none.
    #[error("{key}: {why}")]
    BadHost {
        /// The key.
        key: &'static str,
        /// What is wrong with it; it names the entry.
        why: HostPatternError,
    },
    /// A section (`agents`) that holds something else than keys.
    #[error("{section} holds keys, not a value of its own")]
    NotASection {
        /// The dotted name of the section, or `the file`.
        section: String,
    },
    /// The same key twice in one file.
    #[error("{key} is set twice")]
    Duplicate {
        /// The key or section.
        key: String,
    },
    /// The problem stands at a place of a file.
    #[error("{path}:{line}:{column}: {problem}")]
    AtPosition {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: Box<ConfigError>,
    },
    /// The problem is with a whole file, a variable or a flag.
    #[error("{place}: {problem}")]
    InSource {
        /// A file, `EKLAVYA_…` or `--set`.
        place: String,
        /// What is wrong.
        problem: Box<ConfigError>,
    },
    /// The text is not YAML.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file or directory.
        path: Utf8PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A variable whose value is not text.
    #[error("the environment variable {0} is not valid UTF-8")]
    NotUtf8(String),
    /// A `--set` without `=`.
    #[error("{0:?} is not of the form KEY=VALUE")]
    NotAnAssignment(String),
    /// Neither a flag nor the environment says where the data directory is.
    #[error("no data directory: neither --home, EKLAVYA_HOME nor HOME is set")]
    NoDataDirectory,
    /// A path that is not UTF-8.
    #[error("the path {0:?} is not valid UTF-8")]
    PathNotUtf8(std::path::PathBuf),
    /// A credential that cannot be sent in a header. Never shows it.
    #[error("the credential from {origin} {problem}")]
    BadCredential {
        /// The variable or file.
        origin: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The table of keys and the typed settings disagree: a mistake in this program.
    #[error("the setting {0} has no value of the type that the program expects")]
    TypeMismatch(&'static str),
}

impl ConfigError {
    /// Returns this problem as one of the file, variable or flag `place`.
    pub(super) fn in_source(self, place: impl Into<String>) -> Self {
        ConfigError::InSource {
            place: place.into(),
            problem: Box::new(self),
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

//! Errors in the configuration.

use std::io;

use camino::Utf8PathBuf;

use eklavya_core::agent::role::UnknownRole;
use eklavya_core::egress::HostPatternError;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that is not in the table.
    #[error("unknown configuration key {key:?}{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        key: String,
        /// The most similar key.
        nearest: Option<String>,
    },
    /// A key of `model.roles` names an unknown role.
    #[error("{key}: {source}")]
    UnknownRole { key: String, source: UnknownRole },
    /// A value that its key does not accept.
    #[error("{key} takes {expected}, not {value:?}")]
    BadValue {
        key: &'static str,
        value: String,
        /// A description of the accepted values.
        expected: String,
    },
    /// An invalid entry in a list of hosts.
    #[error("{key}: {why}")]
    BadHost {
        key: &'static str,
        /// The problem; names the entry.
        why: HostPatternError,
    },
    /// A section such as `agents` that contains something other than keys.
    #[error("{section} must contain keys, not a value")]
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
    /// A problem at a location in a file.
    #[error("{path}:{line}:{column}: {problem}")]
    AtPosition {
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        problem: Box<ConfigError>,
    },
    /// A problem with a whole file, a variable or a flag.
    #[error("{place}: {problem}")]
    InSource {
        /// A file, `EKLAVYA_…` or `--set`.
        place: String,
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
        source: io::Error,
    },
    /// A variable whose value is not text.
    #[error("the environment variable {0} is not valid UTF-8")]
    NotUtf8(String),
    /// A `--set` without `=`.
    #[error("{0:?} is not of the form KEY=VALUE")]
    NotAnAssignment(String),
    /// Neither a flag nor the environment sets the data directory.
    #[error("no data directory: neither --home, EKLAVYA_HOME nor HOME is set")]
    NoDataDirectory,
    /// A path that is not UTF-8.
    #[error("the path {0:?} is not valid UTF-8")]
    PathNotUtf8(std::path::PathBuf),
    /// A credential that cannot be sent in a header. The message never contains it.
    #[error("the credential from {origin} {problem}")]
    BadCredential {
        /// The variable or file.
        origin: String,
        problem: &'static str,
    },
    /// The table of keys and the typed settings disagree: a bug.
    #[error("the value of {0} does not have the type that the program expects")]
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

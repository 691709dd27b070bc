//! Commit ids.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A full commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits, so that it is never
/// mistaken for an option or a path on a command line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first ten digits, for display.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }

    /// Returns the all-zero id of the same length, which means "no commit" to git.
    pub fn zeros(&self) -> String {
        "0".repeat(self.0.len())
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a commit id")]
pub struct InvalidCommitId(pub String);

impl FromStr for CommitId {
    type Err = InvalidCommitId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCommitId(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidCommitId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

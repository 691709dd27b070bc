//! The name of a commit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The full object name of a commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// A text that is no commit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a commit id; it has 40 or 64 lower-case hexadecimal digits")]
pub struct InvalidCommitId(pub String);

impl CommitId {
    /// Returns all digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first ten digits: what people see.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }

    /// Returns the name that means "no commit" in the format of this one.
    pub(crate) fn zeros(&self) -> String {
        "0".repeat(self.0.len())
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for CommitId {
    type Err = InvalidCommitId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidCommitId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if matches!(text.len(), 40 | 64) && text.bytes().all(hexadecimal) {
            Ok(Self(text))
        } else {
            Err(InvalidCommitId(text))
        }
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::CommitId;

    #[test]
    fn only_full_object_names_are_commit_ids() {
        let sha1 = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(sha1.parse::<CommitId>().unwrap().short(), "0123456789");
        assert!("f".repeat(64).parse::<CommitId>().is_ok());
        for bad in [
            "",
            "HEAD",
            "--all",
            &sha1[1..],
            &sha1.to_uppercase(),
            &format!("{sha1}\n"),
        ] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn json_is_checked_too() {
        let id: CommitId = "a".repeat(40).parse().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("{:?}", "a".repeat(40)));
        assert_eq!(serde_json::from_str::<CommitId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<CommitId>("\"--exec\"").is_err());
    }
}

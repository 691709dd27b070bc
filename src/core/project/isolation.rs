//! What holds agents to their roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An isolation that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IsolationKind {
    /// Namespaces and mounts that bubblewrap makes.
    Bubblewrap,
    /// Containers of Docker's.
    Docker,
}

/// A word that names no isolation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an isolation is bubblewrap or docker")]
pub struct InvalidIsolation;

impl IsolationKind {
    /// All of them.
    pub const ALL: [Self; 2] = [IsolationKind::Bubblewrap, IsolationKind::Docker];

    /// Returns the name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            IsolationKind::Bubblewrap => "bubblewrap",
            IsolationKind::Docker => "docker",
        }
    }
}

impl fmt::Display for IsolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for IsolationKind {
    type Err = InvalidIsolation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == text).ok_or(InvalidIsolation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in IsolationKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.name());
        }
        assert_eq!("none".parse::<IsolationKind>(), Err(InvalidIsolation));
    }
}

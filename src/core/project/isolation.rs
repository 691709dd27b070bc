//! The isolation backend of a project.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An isolation backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IsolationKind {
    /// Namespaces and mounts, set up by bubblewrap.
    Bubblewrap,
    /// Docker containers.
    Docker,
}

/// A name that is not an isolation backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the isolation must be bubblewrap or docker")]
pub struct InvalidIsolation;

impl IsolationKind {
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

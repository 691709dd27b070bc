//! The priority of a project for scarce resources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A project's priority, from 1 to 9. When agent slots are scarce, the project's share is
/// proportional to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectPriority(u32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a priority is a whole number from 1 to 9")]
pub struct InvalidProjectPriority;

impl ProjectPriority {
    pub fn new(number: u32) -> Result<Self, InvalidProjectPriority> {
        if (1..=9).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidProjectPriority)
        }
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

/// The middle, for projects without an explicit priority.
impl Default for ProjectPriority {
    fn default() -> Self {
        Self(5)
    }
}

impl fmt::Display for ProjectPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ProjectPriority {
    type Err = InvalidProjectPriority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map_err(|_| InvalidProjectPriority)
            .and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_number_from_one_to_nine() {
        assert_eq!(
            "9".parse::<ProjectPriority>().map(ProjectPriority::get),
            Ok(9)
        );
        for wrong in ["0", "10", "-1", "", "high", "1.5", "99999999999"] {
            assert_eq!(
                wrong.parse::<ProjectPriority>(),
                Err(InvalidProjectPriority),
                "{wrong}"
            );
        }
    }
}

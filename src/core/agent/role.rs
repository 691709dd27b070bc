//! The ten roles of the team.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an agent is on the team; its permissions follow from it (see `sandbox::policy`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(description = "What an agent is on the team.")]
pub enum Role {
    /// Leads the team: spawns agents and decides what is next.
    Orchestrator,
    /// Designs: writes the architecture and the plan.
    Architect,
    /// Writes the product.
    Developer,
    /// Writes tests.
    Tester,
    /// Checks the acceptance criteria.
    Qa,
    /// Speaks for the client: writes the requirements.
    Pm,
    /// Tries the product as its user would.
    Uat,
    /// Keeps it running.
    Sre,
    /// Watches.
    Monitor,
    /// Teaches the team by its outcomes.
    Mentor,
}

impl Role {
    /// All roles, in the order of the permission matrix.
    pub const ALL: [Role; 10] = [
        Role::Orchestrator,
        Role::Architect,
        Role::Developer,
        Role::Tester,
        Role::Qa,
        Role::Pm,
        Role::Uat,
        Role::Sre,
        Role::Monitor,
        Role::Mentor,
    ];

    /// Returns the name used in SQL, JSON, configuration and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Orchestrator => "orchestrator",
            Role::Architect => "architect",
            Role::Developer => "developer",
            Role::Tester => "tester",
            Role::Qa => "qa",
            Role::Pm => "pm",
            Role::Uat => "uat",
            Role::Sre => "sre",
            Role::Monitor => "monitor",
            Role::Mentor => "mentor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A role name that is not one of the ten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown role {0:?}; the roles are orchestrator, architect, developer, tester, qa, pm, uat, sre, monitor and mentor"
)]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

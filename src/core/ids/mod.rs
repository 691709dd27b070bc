//! Identifiers: each entity has its own type, so that one cannot be passed for another.

pub mod commit;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns a new random identifier (version 4, so that short prefixes stay unambiguous).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// Returns the first eight hexadecimal digits, which people see and type.
            pub fn short(&self) -> String {
                self.0.simple().to_string()[..8].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(/// A project.
    ProjectId);
id!(/// A plan of a project.
    PlanId);
id!(/// A task: one unit of work for one role.
    TaskId);
id!(/// An agent: one run of one role on one task.
    AgentId);
id!(/// A demo.
    DemoId);
id!(/// A conversation of the Claude Code CLI; several agents may continue one.
    SessionId);
id!(/// One entry of the ledger, from its reservation to its settlement.
    LedgerId);
id!(/// A message from one agent to others.
    MessageId);
id!(/// A checkpoint of an agent.
    CheckpointId);
id!(/// A file that shows something about the work.
    ArtifactId);
id!(/// A job for background workers.
    JobId);

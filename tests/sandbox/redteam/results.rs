//! The results of the attempts, and their table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::attempts::AttackProof;
use super::{ALL, EscapeOutcomes, all_attempts, harmless_reason};
use crate::fixtures::backend::SandboxBackend;

/// One user's results: attempts by name.
#[derive(Debug, Default)]
pub struct RedTeamResults {
    pub stopped: BTreeSet<String>,
    /// Attempts that work without their guards.
    pub shown: BTreeSet<String>,
    /// Attempts that did not end as required.
    pub faults: Vec<String>,
}

impl RedTeamResults {
    pub fn note_shown(&mut self, outcomes: EscapeOutcomes, how: &str) {
        for (name, (worked, why)) in outcomes {
            if worked {
                self.shown.insert(name);
            } else if !depends_on_the_kernel(&name) {
                let fault = format!("{name} does not work {how} ({why})");
                self.faults.push(fault);
            }
        }
    }
}

fn depends_on_the_kernel(name: &str) -> bool {
    let attempt = ALL.iter().find(|known| known.name == name).unwrap();
    matches!(attempt.proof, AttackProof::WhereKnown(_))
}

/// The text of the table if a user has not made the attempt.
pub const UNTRIED: &str = "not tried";

pub fn result_table(
    backend: SandboxBackend,
    root: Option<&RedTeamResults>,
    user: Option<&RedTeamResults>,
) -> String {
    let all = all_attempts(backend);
    let mut text = format!("{} attempts\n", all.len());
    for attempt in all {
        let of = |results: &RedTeamResults| {
            if results.stopped.contains(attempt.name) {
                "stopped"
            } else {
                "WORKS"
            }
        };
        let shown = match attempt.proof {
            AttackProof::Without(_) | AttackProof::WhereKnown(_) if !backend.has_own_layers() => {
                "see bubblewrap's table"
            }
            AttackProof::Without(_) => "works without them",
            AttackProof::WhereKnown(_) => "works without them where the kernel has it",
            AttackProof::Unsandboxed => "works without a sandbox",
            AttackProof::UnsandboxedAsRoot => "works without a sandbox, as root",
            AttackProof::NotShown(reason) => reason,
        };
        let (root, user) = (root.map_or(UNTRIED, of), user.map_or(UNTRIED, of));
        let (name, guard) = (attempt.name, attempt.guard);
        if let Some(reason) = harmless_reason(backend, attempt) {
            writeln!(text, "{name} | harmless: {reason}").unwrap();
            continue;
        }
        writeln!(text, "{name} | {guard} | {root} | {user} | {shown}").unwrap();
    }
    text
}

//! Comparing the outcomes of probes with a role's row of the table.

use serde::{Deserialize, Serialize};

use super::GuaranteeResult;
use super::access_probe::{AccessProbe, MatrixColumn, ProbeOutcome};
use crate::role_policy::RolePolicy;

/// The result of testing a cell of the permission matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatrixCell {
    pub column: MatrixColumn,
    pub state: GuaranteeResult,
    /// What was tested, and the outcome.
    pub detail: String,
}

/// Returns the result for a cell from the outcomes of a role's probes. `landlock` is the level in force.
pub fn judge_cell(
    row: &RolePolicy,
    column: MatrixColumn,
    outcomes: &[ProbeOutcome],
    landlock: u32,
) -> MatrixCell {
    let verdicts: Vec<ProbeVerdict> = AccessProbe::ALL
        .into_iter()
        .filter(|attempt| attempt.column() == column)
        .map(|attempt| ProbeVerdict::for_probe(attempt, row, outcomes, landlock))
        .collect();
    let texts = |state: GuaranteeResult| {
        let wanted = verdicts.iter().filter(|verdict| verdict.state() == state);
        let texts: Vec<String> = wanted.map(ProbeVerdict::text).collect();
        texts.join("; ")
    };
    let (holes, weak) = (texts(GuaranteeResult::No), texts(GuaranteeResult::Partly));
    let (state, detail) = match (holes.as_str(), weak.as_str()) {
        ("", "") => (GuaranteeResult::Yes, summary(&verdicts)),
        ("", weak) => (GuaranteeResult::Partly, weak.to_owned()),
        (holes, _) => (GuaranteeResult::No, holes.to_owned()),
    };
    MatrixCell {
        column,
        state,
        detail,
    }
}

/// What the outcome of a probe means for its cell.
enum ProbeVerdict {
    /// Allowed, and it succeeded.
    Done(AccessProbe),
    /// Forbidden, and it failed.
    Refused(AccessProbe),
    /// Forbidden, and it succeeded.
    Hole(AccessProbe),
    /// Forbidden, and it succeeded because the configuration allows Landlock to be missing.
    NoLandlock(AccessProbe),
    /// Allowed, and it failed for this reason.
    Missing(AccessProbe, String),
    /// The outcome is missing.
    Unknown(AccessProbe),
}

impl ProbeVerdict {
    fn for_probe(
        attempt: AccessProbe,
        row: &RolePolicy,
        outcomes: &[ProbeOutcome],
        landlock: u32,
    ) -> Self {
        let outcome = outcomes.iter().find(|one| one.attempt == attempt);
        let Some(outcome) = outcome else {
            return ProbeVerdict::Unknown(attempt);
        };
        match (&outcome.refused, attempt.is_allowed(row)) {
            (None, true) => ProbeVerdict::Done(attempt),
            (Some(_), false) => ProbeVerdict::Refused(attempt),
            // Only Landlock prevents a role from running what it writes.
            (None, false) if attempt == AccessProbe::RunOwn && landlock == 0 => {
                ProbeVerdict::NoLandlock(attempt)
            }
            (None, false) => ProbeVerdict::Hole(attempt),
            (Some(why), true) => ProbeVerdict::Missing(attempt, why.clone()),
        }
    }

    fn state(&self) -> GuaranteeResult {
        match self {
            ProbeVerdict::Done(_) | ProbeVerdict::Refused(_) => GuaranteeResult::Yes,
            ProbeVerdict::NoLandlock(_) => GuaranteeResult::Partly,
            ProbeVerdict::Hole(_) | ProbeVerdict::Missing(..) | ProbeVerdict::Unknown(_) => {
                GuaranteeResult::No
            }
        }
    }

    fn text(&self) -> String {
        match self {
            ProbeVerdict::Done(attempt) | ProbeVerdict::Refused(attempt) => {
                attempt.description().to_owned()
            }
            ProbeVerdict::Hole(attempt) => format!("it could {}", attempt.description()),
            ProbeVerdict::NoLandlock(attempt) => {
                format!(
                    "it could {}, because Landlock is missing",
                    attempt.description()
                )
            }
            ProbeVerdict::Missing(attempt, why) => {
                format!("it could not {}: {why}", attempt.description())
            }
            ProbeVerdict::Unknown(attempt) => {
                format!("it is unknown whether it can {}", attempt.description())
            }
        }
    }
}

/// Returns what succeeded and what was refused.
fn summary(verdicts: &[ProbeVerdict]) -> String {
    let texts = |wanted: fn(&ProbeVerdict) -> bool| {
        let texts: Vec<String> = verdicts
            .iter()
            .filter(|one| wanted(one))
            .map(ProbeVerdict::text)
            .collect();
        texts.join(", ")
    };
    let done = texts(|one| matches!(one, ProbeVerdict::Done(_)));
    let refused = texts(|one| matches!(one, ProbeVerdict::Refused(_)));
    match (done.as_str(), refused.as_str()) {
        (done, "") => format!("done: {done}"),
        ("", refused) => format!("refused: {refused}"),
        (done, refused) => format!("done: {done}; refused: {refused}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::role_policy::role_policy;
    use eklavya_core::agent::role::Role;

    /// The outcomes of a sandbox that enforces `row` exactly.
    fn enforced(row: &RolePolicy) -> Vec<ProbeOutcome> {
        let outcome = |attempt: AccessProbe| ProbeOutcome {
            attempt,
            refused: (!attempt.is_allowed(row)).then(|| "refused".to_owned()),
        };
        AccessProbe::ALL.map(outcome).into()
    }

    const TESTED: [MatrixColumn; 4] = [
        MatrixColumn::FileSystem,
        MatrixColumn::Git,
        MatrixColumn::Terminal,
        MatrixColumn::Network,
    ];

    #[test]
    fn each_enforced_cell_lists_its_probes() {
        let mut text = String::new();
        for role in Role::ALL {
            let row = role_policy(role);
            for column in TESTED {
                let cell = judge_cell(row, column, &enforced(row), 7);
                assert_eq!(cell.state, GuaranteeResult::Yes, "{role} {cell:?}");
                writeln!(text, "{role} | {} | {}", column.name(), cell.detail).unwrap();
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_unexpected_outcome_fails_only_its_own_cell() {
        for role in Role::ALL {
            let row = role_policy(role);
            for number in 0..AccessProbe::ALL.len() {
                let mut outcomes = enforced(row);
                let changed = &mut outcomes[number];
                let refusal = changed.refused.take();
                if refusal.is_none() {
                    changed.refused = Some("no".to_owned());
                }
                let attempt = AccessProbe::ALL[number];
                for column in TESTED {
                    let cell = judge_cell(row, column, &outcomes, 7);
                    let expected = column != attempt.column();
                    assert_eq!(
                        cell.state == GuaranteeResult::Yes,
                        expected,
                        "{attempt:?} {cell:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_untried_probe_counts_as_not_enforced() {
        let cell = judge_cell(role_policy(Role::Uat), MatrixColumn::Terminal, &[], 7);
        assert_eq!(cell.state, GuaranteeResult::No);
        assert!(cell.detail.contains("it is unknown"), "{cell:?}");
    }

    #[test]
    fn without_landlock_running_an_own_program_is_only_partly_enforced() {
        let row = role_policy(Role::Qa);
        let mut outcomes = enforced(row);
        let own = outcomes
            .iter_mut()
            .find(|one| one.attempt == AccessProbe::RunOwn);
        own.unwrap().refused = None;
        let state = |landlock| judge_cell(row, MatrixColumn::Terminal, &outcomes, landlock).state;
        assert_eq!(
            (state(0), state(2)),
            (GuaranteeResult::Partly, GuaranteeResult::No)
        );
    }
}

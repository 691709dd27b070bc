//! What was tried, held against a role's row of the table.

use serde::{Deserialize, Serialize};

use super::Holds;
use super::attempt::{Attempt, Column, Outcome};
use crate::policy::RolePolicy;

/// What was found of a cell of the permission matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Its column.
    pub column: Column,
    /// How far it holds.
    pub state: Holds,
    /// What was tried and what came of it.
    pub detail: String,
}

/// Returns what the outcomes of a role's attempts say of a cell. `landlock` is the level in force.
pub fn judge(row: &RolePolicy, column: Column, outcomes: &[Outcome], landlock: u32) -> Cell {
    let tried: Vec<Verdict> = Attempt::ALL
        .into_iter()
        .filter(|attempt| attempt.column() == column)
        .map(|attempt| Verdict::of(attempt, row, outcomes, landlock))
        .collect();
    let wrong = |found: Holds| {
        let verdicts = tried.iter().filter(move |verdict| verdict.state() == found);
        let texts: Vec<String> = verdicts.map(Verdict::text).collect();
        texts.join("; ")
    };
    let (holes, weak) = (wrong(Holds::No), wrong(Holds::Partly));
    let (state, detail) = match (holes.as_str(), weak.as_str()) {
        ("", "") => (Holds::Yes, summary(&tried)),
        ("", weak) => (Holds::Partly, weak.to_owned()),
        (holes, _) => (Holds::No, holes.to_owned()),
    };
    Cell {
        column,
        state,
        detail,
    }
}

/// What is to be said of one attempt.
enum Verdict {
    /// Allowed, and it worked.
    Done(Attempt),
    /// Forbidden, and it did not work.
    Refused(Attempt),
    /// Forbidden, and it worked.
    Hole(Attempt),
    /// The same, where the configuration allows the wall to be missing.
    NoWall(Attempt),
    /// Allowed, and it did not work, with why.
    Missing(Attempt, String),
    /// Nobody said what came of it.
    Unknown(Attempt),
}

impl Verdict {
    fn of(attempt: Attempt, row: &RolePolicy, outcomes: &[Outcome], landlock: u32) -> Self {
        let outcome = outcomes.iter().find(|one| one.attempt == attempt);
        let Some(outcome) = outcome else {
            return Verdict::Unknown(attempt);
        };
        match (&outcome.refused, attempt.is_allowed(row)) {
            (None, true) => Verdict::Done(attempt),
            (Some(_), false) => Verdict::Refused(attempt),
            // Landlock alone keeps what a role writes from being run.
            (None, false) if attempt == Attempt::RunOwn && landlock == 0 => {
                Verdict::NoWall(attempt)
            }
            (None, false) => Verdict::Hole(attempt),
            (Some(why), true) => Verdict::Missing(attempt, why.clone()),
        }
    }

    fn state(&self) -> Holds {
        match self {
            Verdict::Done(_) | Verdict::Refused(_) => Holds::Yes,
            Verdict::NoWall(_) => Holds::Partly,
            Verdict::Hole(_) | Verdict::Missing(..) | Verdict::Unknown(_) => Holds::No,
        }
    }

    fn text(&self) -> String {
        match self {
            Verdict::Done(attempt) | Verdict::Refused(attempt) => attempt.what().to_owned(),
            Verdict::Hole(attempt) => format!("it could {}", attempt.what()),
            Verdict::NoWall(attempt) => {
                format!("it could {}, since Landlock is missing", attempt.what())
            }
            Verdict::Missing(attempt, why) => format!("it could not {}: {why}", attempt.what()),
            Verdict::Unknown(attempt) => format!("whether it can {} is not known", attempt.what()),
        }
    }
}

/// Returns what an intact cell says: what was done, and what was refused.
fn summary(tried: &[Verdict]) -> String {
    let texts = |wanted: fn(&Verdict) -> bool| {
        let texts: Vec<String> = tried
            .iter()
            .filter(|one| wanted(one))
            .map(Verdict::text)
            .collect();
        texts.join(", ")
    };
    let done = texts(|one| matches!(one, Verdict::Done(_)));
    let refused = texts(|one| matches!(one, Verdict::Refused(_)));
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
    use crate::policy::policy;
    use eklavya_core::domain::role::Role;

    /// What a sandbox says that holds to `row` exactly.
    fn held(row: &RolePolicy) -> Vec<Outcome> {
        let outcome = |attempt: Attempt| Outcome {
            attempt,
            refused: (!attempt.is_allowed(row)).then(|| "refused".to_owned()),
        };
        Attempt::ALL.map(outcome).into()
    }

    const TRIED: [Column; 4] = [
        Column::FileSystem,
        Column::Git,
        Column::Terminal,
        Column::Network,
    ];

    #[test]
    fn what_is_tried_in_each_cell() {
        let mut text = String::new();
        for role in Role::ALL {
            let row = policy(role);
            for column in TRIED {
                let cell = judge(row, column, &held(row), 7);
                assert_eq!(cell.state, Holds::Yes, "{role} {cell:?}");
                writeln!(text, "{role} | {} | {}", column.name(), cell.detail).unwrap();
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_attempt_that_ends_otherwise_spoils_its_cell_and_no_other() {
        for role in Role::ALL {
            let row = policy(role);
            for number in 0..Attempt::ALL.len() {
                let mut outcomes = held(row);
                let spoiled = &mut outcomes[number];
                let worked = spoiled.refused.take();
                if worked.is_none() {
                    spoiled.refused = Some("no".to_owned());
                }
                let attempt = Attempt::ALL[number];
                for column in TRIED {
                    let cell = judge(row, column, &outcomes, 7);
                    let expected = column != attempt.column();
                    assert_eq!(cell.state == Holds::Yes, expected, "{attempt:?} {cell:?}");
                }
            }
        }
    }

    #[test]
    fn what_nobody_tried_does_not_hold() {
        let cell = judge(policy(Role::Uat), Column::Terminal, &[], 7);
        assert_eq!(cell.state, Holds::No);
        assert!(cell.detail.contains("is not known"), "{cell:?}");
    }

    #[test]
    fn without_landlock_a_program_of_its_own_is_a_weakness_that_was_chosen() {
        let row = policy(Role::Qa);
        let mut outcomes = held(row);
        let own = outcomes
            .iter_mut()
            .find(|one| one.attempt == Attempt::RunOwn);
        own.unwrap().refused = None;
        let state = |landlock| judge(row, Column::Terminal, &outcomes, landlock).state;
        assert_eq!((state(0), state(2)), (Holds::Partly, Holds::No));
    }
}

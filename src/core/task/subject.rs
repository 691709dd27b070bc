//! What a task is about, read from its kind and its key, and the only place that formats keys.

use super::TaskKind;
use crate::agent::role::Role;

/// The facts that the key of a task states.
///
/// The `tasks` table has no columns for them: kind and key are their source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskSubject {
    /// A document of the plan with this number: `plan-1-requirements`.
    PlanDocument { plan: u32 },
    /// The demo with this number: `demo-2`.
    Demo { number: u32 },
    /// A task that the plan names.
    Planned,
    /// A task that the agent of another task spawned: `T2.1`.
    Spawned { parent: String, number: u32 },
    /// The repair after a round of verification: `fix-1`.
    Repair { round: u32 },
    /// A part of a round of verification: `verify-1-qa`.
    Verification { round: u32 },
}

/// The key does not have the form of its task's kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} is not the key of a {kind} task", kind = kind.name())]
pub struct InvalidTaskKey {
    pub kind: TaskKind,
    pub key: String,
}

impl TaskSubject {
    /// Reads the key of a task of this kind.
    pub fn read(kind: TaskKind, key: &str) -> Result<Self, InvalidTaskKey> {
        let subject = match kind {
            TaskKind::Requirements | TaskKind::Architecture => {
                numbered(key, "plan-", kind.name()).map(|plan| Self::PlanDocument { plan })
            }
            TaskKind::Demo => {
                parse_number(key.strip_prefix("demo-")).map(|number| Self::Demo { number })
            }
            TaskKind::Build => Some(read_build_key(key)),
            TaskKind::Fix => {
                parse_number(key.strip_prefix("fix-")).map(|round| Self::Repair { round })
            }
            TaskKind::Verify => read_verification_key(key),
        };
        subject.ok_or_else(|| InvalidTaskKey {
            kind,
            key: key.to_owned(),
        })
    }

    pub fn demo_number(&self) -> Option<u32> {
        match self {
            Self::Demo { number } => Some(*number),
            Self::PlanDocument { .. }
            | Self::Planned
            | Self::Spawned { .. }
            | Self::Repair { .. }
            | Self::Verification { .. } => None,
        }
    }

    /// Returns the round of verification that the task belongs to, from 1.
    pub fn verification_round(&self) -> Option<u32> {
        match self {
            Self::Repair { round } | Self::Verification { round } => Some(*round),
            Self::PlanDocument { .. }
            | Self::Demo { .. }
            | Self::Planned
            | Self::Spawned { .. } => None,
        }
    }

    /// Returns the key of the task whose agent spawned this one.
    pub fn parent_key(&self) -> Option<&str> {
        match self {
            Self::Spawned { parent, .. } => Some(parent),
            Self::PlanDocument { .. }
            | Self::Demo { .. }
            | Self::Planned
            | Self::Repair { .. }
            | Self::Verification { .. } => None,
        }
    }
}

/// Returns the key of the task that writes a document of a plan.
pub fn plan_task_key(plan: u32, kind: TaskKind) -> String {
    format!("plan-{plan}-{}", kind.name())
}

pub fn demo_task_key(number: u32) -> String {
    format!("demo-{number}")
}

pub fn repair_task_key(round: u32) -> String {
    format!("fix-{round}")
}

pub fn verification_task_key(round: u32, role: Role) -> String {
    format!("verify-{round}-{role}")
}

pub fn spawned_task_key(parent: &str, number: u32) -> String {
    format!("{parent}.{number}")
}

/// Returns `N` of `<prefix>N-<suffix>`.
fn numbered(key: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let number = key.strip_prefix(prefix)?.strip_suffix(suffix)?;
    parse_number(number.strip_suffix('-'))
}

fn parse_number(digits: Option<&str>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// The ids of a plan contain no dot, so a task with one was spawned.
fn read_build_key(key: &str) -> TaskSubject {
    let spawned = key.rsplit_once('.').and_then(|(parent, digits)| {
        let number = parse_number(Some(digits))?;
        let parent = parent.to_owned();
        Some(TaskSubject::Spawned { parent, number })
    });
    spawned.unwrap_or(TaskSubject::Planned)
}

fn read_verification_key(key: &str) -> Option<TaskSubject> {
    let (digits, role) = key.strip_prefix("verify-")?.split_once('-')?;
    let round = parse_number(Some(digits))?;
    role.parse::<Role>().ok()?;
    Some(TaskSubject::Verification { round })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_that_is_formatted_is_read_back(number: u32, parent in "[A-Za-z0-9-]{1,8}") {
            for kind in [TaskKind::Requirements, TaskKind::Architecture] {
                let subject = TaskSubject::PlanDocument { plan: number };
                prop_assert_eq!(TaskSubject::read(kind, &plan_task_key(number, kind)), Ok(subject));
            }
            let key = demo_task_key(number);
            let subject = TaskSubject::Demo { number };
            prop_assert_eq!(TaskSubject::read(TaskKind::Demo, &key), Ok(subject));
            let key = repair_task_key(number);
            let subject = TaskSubject::Repair { round: number };
            prop_assert_eq!(TaskSubject::read(TaskKind::Fix, &key), Ok(subject));
            for role in Role::ALL {
                let key = verification_task_key(number, role);
                let subject = TaskSubject::Verification { round: number };
                prop_assert_eq!(TaskSubject::read(TaskKind::Verify, &key), Ok(subject));
            }
            let key = spawned_task_key(&parent, number);
            let planned = TaskSubject::read(TaskKind::Build, &parent);
            prop_assert_eq!(planned, Ok(TaskSubject::Planned));
            let subject = TaskSubject::Spawned { parent, number };
            prop_assert_eq!(TaskSubject::read(TaskKind::Build, &key), Ok(subject));
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for (kind, key) in [
            (TaskKind::Requirements, "plan-1-architecture"),
            (TaskKind::Architecture, "plan--architecture"),
            (TaskKind::Demo, "demo-+1"),
            (TaskKind::Demo, "demo-99999999999"),
            (TaskKind::Fix, "fix-"),
            (TaskKind::Verify, "verify-1"),
            (TaskKind::Verify, "verify-1-guest"),
        ] {
            let error = TaskSubject::read(kind, key).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn a_planned_task_is_not_read_as_a_demo() {
        let subject = TaskSubject::read(TaskKind::Build, "demo-3").unwrap();
        assert_eq!(subject.demo_number(), None);
    }
}

//! What a plan says, and what makes it usable.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::diagnostics::{self, PlannedDiagnostic};
use crate::agent::role::Role;
use crate::money::MicroUsd;

/// The plan as the Architect returns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDocument {
    /// What will be built, in a few sentences.
    pub summary: String,
    /// What the product can do.
    pub features: Vec<PlannedFeature>,
    /// What must hold for the work to be accepted.
    pub criteria: Vec<AcceptanceCriterion>,
    /// The order of the work, for people.
    #[serde(default)]
    pub milestones: Vec<PlannedMilestone>,
    /// The work.
    pub tasks: Vec<PlannedTask>,
    /// The command that must exit with 0 before anything becomes part of main.
    pub test_command: String,
    /// How the product is looked at.
    pub preview: PlannedPreview,
    /// Commands that tell how the product is doing, for the Monitor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<PlannedDiagnostic>,
}

/// Something that the product can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFeature {
    /// `F1`, `F2`, …
    pub id: String,
    /// A line about it.
    pub title: String,
    /// More about it.
    #[serde(default)]
    pub description: String,
}

/// Something that must hold for the work to be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceCriterion {
    /// `C1`, `C2`, …
    pub id: String,
    /// The feature that it belongs to.
    pub feature: String,
    /// What must hold.
    pub text: String,
    /// How that is found out.
    pub check: CriterionCheck,
}

/// How a criterion is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum CriterionCheck {
    /// A shell command that exits with 0 where the criterion holds.
    Command {
        /// The command, run in the root of the repository.
        command: String,
    },
    /// Somebody reads the work.
    Review {
        /// What to look at, and what to look for.
        instructions: String,
    },
}

/// A group of tasks that ends in something worth showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMilestone {
    /// `M1`, `M2`, …
    pub id: String,
    /// A line about it.
    pub title: String,
    /// Its tasks.
    pub tasks: Vec<String>,
}

/// A task as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// `T1`, `T2`, …
    pub id: String,
    /// A line about it.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// Who does it.
    pub role: String,
    /// Tasks that must be done first.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Criteria that it serves.
    #[serde(default)]
    pub criteria: Vec<String>,
    /// What it is expected to cost, in US dollars.
    pub estimate_usd: f64,
}

impl PlannedTask {
    /// Returns the estimate in micro-dollars; what is not a sensible number is the largest amount.
    pub fn estimate(&self) -> MicroUsd {
        let micros = (self.estimate_usd * 1_000_000.0).ceil();
        if (0.0..1e15).contains(&micros) {
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
            MicroUsd(micros as i64)
        } else {
            MicroUsd(i64::MAX)
        }
    }
}

/// How the product is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum PlannedPreview {
    /// Files in a directory of the repository.
    Static {
        /// The directory.
        directory: String,
    },
    /// A server.
    Command {
        /// The command, run in the root of the repository.
        command: String,
        /// The port on 127.0.0.1 that it listens on.
        port: u16,
        /// The path that answers when the server is up.
        #[serde(default = "root_path")]
        path: String,
    },
}

fn root_path() -> String {
    "/".to_owned()
}

/// Roles that can be given a task of the build: those that can write something, or have others do.
pub const BUILDERS: [Role; 6] = [
    Role::Orchestrator,
    Role::Architect,
    Role::Developer,
    Role::Tester,
    Role::Pm,
    Role::Sre,
];

/// The most tasks, criteria or features that a plan may have.
const MAX_ITEMS: usize = 200;

impl PlanDocument {
    /// Returns every reason why the plan cannot be used; none if it can.
    ///
    /// `budget` is what the project may still spend, where there is a limit.
    pub fn find_problems(&self, budget: Option<MicroUsd>) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_shape(&mut problems);
        self.check_references(&mut problems);
        self.check_roles(&mut problems);
        self.check_coverage(&mut problems);
        self.check_order(&mut problems);
        self.check_preview(&mut problems);
        problems.extend(diagnostics::find_problems(&self.diagnostics));
        self.check_budget(budget, &mut problems);
        problems
    }

    /// Returns what all tasks together are expected to cost.
    pub fn estimate(&self) -> MicroUsd {
        self.tasks.iter().map(PlannedTask::estimate).sum()
    }

    fn check_shape(&self, problems: &mut Vec<String>) {
        if self.summary.trim().is_empty() {
            problems.push("summary is empty".to_owned());
        }
        if self.test_command.trim().is_empty() {
            problems.push("testCommand is empty".to_owned());
        }
        let lists = [
            (
                "features",
                self.features.iter().map(|f| &f.id).collect::<Vec<_>>(),
            ),
            ("criteria", self.criteria.iter().map(|c| &c.id).collect()),
            ("tasks", self.tasks.iter().map(|t| &t.id).collect()),
        ];
        for (name, ids) in lists {
            if ids.is_empty() || ids.len() > MAX_ITEMS {
                problems.push(format!(
                    "{name} has {} items; it needs 1 to {MAX_ITEMS}",
                    ids.len()
                ));
            }
            let mut seen = BTreeSet::new();
            for id in ids {
                if !is_id(id) {
                    problems.push(format!(
                        "{name}: {id:?} is not an id (letters, digits, hyphens; at most 20)"
                    ));
                } else if !seen.insert(id.to_lowercase()) {
                    problems.push(format!("{name}: {id} is there twice"));
                }
            }
        }
    }

    fn check_references(&self, problems: &mut Vec<String>) {
        let features: BTreeSet<_> = self.features.iter().map(|f| &f.id).collect();
        let criteria: BTreeSet<_> = self.criteria.iter().map(|c| &c.id).collect();
        let tasks: BTreeSet<_> = self.tasks.iter().map(|t| &t.id).collect();
        for criterion in &self.criteria {
            if !features.contains(&criterion.feature) {
                problems.push(format!(
                    "criterion {} belongs to feature {:?}, which is not there",
                    criterion.id, criterion.feature
                ));
            }
            let empty = match &criterion.check {
                CriterionCheck::Command { command } => command.trim().is_empty(),
                CriterionCheck::Review { instructions } => instructions.trim().is_empty(),
            };
            if empty {
                problems.push(format!("criterion {} has an empty check", criterion.id));
            }
        }
        for task in &self.tasks {
            for id in task.criteria.iter().filter(|id| !criteria.contains(id)) {
                problems.push(format!(
                    "task {} serves criterion {id:?}, which is not there",
                    task.id
                ));
            }
            for id in task.depends_on.iter().filter(|id| !tasks.contains(id)) {
                problems.push(format!(
                    "task {} depends on {id:?}, which is not there",
                    task.id
                ));
            }
        }
        for milestone in &self.milestones {
            for id in milestone.tasks.iter().filter(|id| !tasks.contains(id)) {
                problems.push(format!(
                    "milestone {} has task {id:?}, which is not there",
                    milestone.id
                ));
            }
        }
    }

    fn check_roles(&self, problems: &mut Vec<String>) {
        for task in &self.tasks {
            match task.role.parse::<Role>() {
                Err(unknown) => problems.push(format!("task {}: {unknown}", task.id)),
                Ok(role) if !BUILDERS.contains(&role) => problems.push(format!(
                    "task {}: a {role} writes no files; give it to an architect, developer, tester, pm or sre, or to an orchestrator to hand it out",
                    task.id
                )),
                Ok(_) => {}
            }
        }
    }

    fn check_coverage(&self, problems: &mut Vec<String>) {
        let served: BTreeSet<_> = self.tasks.iter().flat_map(|t| &t.criteria).collect();
        for criterion in self.criteria.iter().filter(|c| !served.contains(&c.id)) {
            problems.push(format!("no task serves criterion {}", criterion.id));
        }
    }

    fn check_order(&self, problems: &mut Vec<String>) {
        let mut waiting: BTreeMap<&str, Vec<&str>> = self
            .tasks
            .iter()
            .map(|t| {
                (
                    t.id.as_str(),
                    t.depends_on.iter().map(String::as_str).collect(),
                )
            })
            .collect();
        loop {
            let free: Vec<&str> = waiting
                .iter()
                .filter(|(_, needs)| needs.iter().all(|need| !waiting.contains_key(need)))
                .map(|(id, _)| *id)
                .collect();
            if free.is_empty() {
                break;
            }
            waiting.retain(|id, _| !free.contains(id));
        }
        if !waiting.is_empty() {
            let circle = waiting.into_keys().collect::<Vec<_>>().join(", ");
            problems.push(format!(
                "these tasks wait for one another in a circle: {circle}"
            ));
        }
    }

    fn check_preview(&self, problems: &mut Vec<String>) {
        match &self.preview {
            PlannedPreview::Static { directory } if !is_inside(directory) => {
                problems.push(format!(
                    "preview.directory {directory:?} is not a path inside the repository"
                ));
            }
            PlannedPreview::Command { command, .. } if command.trim().is_empty() => {
                problems.push("preview.command is empty".to_owned());
            }
            PlannedPreview::Command { port, .. } if *port < 1024 => {
                problems.push(format!(
                    "preview.port {port} needs root; use one from 1024 to 65535"
                ));
            }
            PlannedPreview::Command { path, .. } if !path.starts_with('/') => {
                problems.push(format!("preview.path {path:?} does not start with /"));
            }
            PlannedPreview::Static { .. } | PlannedPreview::Command { .. } => {}
        }
    }

    fn check_budget(&self, budget: Option<MicroUsd>, problems: &mut Vec<String>) {
        for task in &self.tasks {
            if !task.estimate_usd.is_finite() || task.estimate_usd < 0.0 {
                problems.push(format!(
                    "task {}: estimateUsd {} is not an amount",
                    task.id, task.estimate_usd
                ));
            }
        }
        let total = self.estimate();
        if let Some(budget) = budget.filter(|budget| total > *budget) {
            problems.push(format!(
                "the tasks are estimated at {total} USD, the budget has {budget} USD left"
            ));
        }
    }
}

fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
}

fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\0')
        && !path.starts_with('/')
        && path.split('/').all(|part| part != "..")
}

//! The content of a plan, and its validation.

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
    pub features: Vec<PlannedFeature>,
    /// What must be true for the work to be accepted.
    pub criteria: Vec<AcceptanceCriterion>,
    /// The order of the work, for people.
    #[serde(default)]
    pub milestones: Vec<PlannedMilestone>,
    pub tasks: Vec<PlannedTask>,
    /// The command that must exit with 0 before a change is merged into main.
    pub test_command: String,
    /// How to run the product for a preview.
    pub preview: PlannedPreview,
    /// Commands that show the state of the product, for the Monitor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<PlannedDiagnostic>,
}

/// A capability of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFeature {
    /// `F1`, `F2`, …
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub description: String,
}

/// A condition for accepting the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceCriterion {
    /// `C1`, `C2`, …
    pub id: String,
    pub feature: String,
    pub text: String,
    pub check: CriterionCheck,
}

/// How a criterion is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum CriterionCheck {
    /// A shell command that exits with 0 if the criterion is met.
    Command {
        /// Run in the root of the repository.
        command: String,
    },
    /// An agent reviews the work.
    Review { instructions: String },
}

/// A group of tasks with a result that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMilestone {
    /// `M1`, `M2`, …
    pub id: String,
    pub title: String,
    pub tasks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// `T1`, `T2`, …
    pub id: String,
    pub title: String,
    pub description: String,
    pub role: String,
    /// Tasks that must be done first.
    #[serde(default)]
    pub depends_on: Vec<String>,
    #[serde(default)]
    pub criteria: Vec<String>,
    /// The expected cost, in US dollars.
    pub estimate_usd: f64,
}

impl PlannedTask {
    /// Returns the estimate in micro-dollars; a number that is not a valid amount becomes the
    /// largest amount.
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

/// How to run the product for a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum PlannedPreview {
    /// Static files in a directory of the repository.
    Static { directory: String },
    Command {
        /// Run in the root of the repository.
        command: String,
        /// The port on 127.0.0.1 that it listens on.
        port: u16,
        /// The path that answers when the server is ready.
        #[serde(default = "root_path")]
        path: String,
    },
}

fn root_path() -> String {
    "/".to_owned()
}

/// Roles that can have a task of the build: those that write files or delegate.
pub const BUILDERS: [Role; 6] = [
    Role::Orchestrator,
    Role::Architect,
    Role::Developer,
    Role::Tester,
    Role::Pm,
    Role::Sre,
];

/// The most tasks, criteria or features of a plan.
const MAX_ITEMS: usize = 200;

impl PlanDocument {
    /// Returns every reason why the plan is invalid; none if it is valid.
    ///
    /// `budget` is the amount that the project may still spend, if it has a limit.
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

    /// Returns the expected cost of all tasks together.
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
            check_ids(name, &ids, problems);
        }
    }

    fn check_references(&self, problems: &mut Vec<String>) {
        self.check_criteria(problems);
        let criteria: BTreeSet<_> = self.criteria.iter().map(|c| &c.id).collect();
        let tasks: BTreeSet<_> = self.tasks.iter().map(|t| &t.id).collect();
        for task in &self.tasks {
            for id in task.criteria.iter().filter(|id| !criteria.contains(id)) {
                problems.push(format!(
                    "task {} serves criterion {id:?}, which does not exist",
                    task.id
                ));
            }
            for id in task.depends_on.iter().filter(|id| !tasks.contains(id)) {
                problems.push(format!(
                    "task {} depends on {id:?}, which does not exist",
                    task.id
                ));
            }
        }
        for milestone in &self.milestones {
            for id in milestone.tasks.iter().filter(|id| !tasks.contains(id)) {
                problems.push(format!(
                    "milestone {} has task {id:?}, which does not exist",
                    milestone.id
                ));
            }
        }
    }

    fn check_criteria(&self, problems: &mut Vec<String>) {
        let features: BTreeSet<_> = self.features.iter().map(|f| &f.id).collect();
        for criterion in &self.criteria {
            if !features.contains(&criterion.feature) {
                problems.push(format!(
                    "criterion {} refers to feature {:?}, which does not exist",
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
        let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for task in &self.tasks {
            let needs = task.depends_on.iter().map(String::as_str);
            waiting.insert(&task.id, needs.collect());
        }
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
                "these tasks depend on each other in a circle: {circle}"
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

fn check_ids(name: &str, ids: &[&String], problems: &mut Vec<String>) {
    if ids.is_empty() || ids.len() > MAX_ITEMS {
        let count = ids.len();
        problems.push(format!(
            "{name} has {count} items; it needs 1 to {MAX_ITEMS}"
        ));
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        if !is_id(id) {
            problems.push(format!(
                "{name}: {id:?} is not an id (letters, digits, hyphens; at most 20)"
            ));
        } else if !seen.insert(id.to_lowercase()) {
            problems.push(format!("{name}: {id} is duplicated"));
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

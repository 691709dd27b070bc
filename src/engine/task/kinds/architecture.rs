//! Architecture: the Architect writes `docs/architecture.md` and returns the plan.

use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::documents::{DOCUMENT_BYTES, accept_document};
use super::{PromptContext, TaskKindRules, TaskSubmission, requirements};
use crate::context::error::EngineError;
use crate::task::accept::AcceptanceVerdict;
use eklavya_claude::prompt::{ArchitecturePrompt, RoleSummary, TaskPrompt};
use eklavya_claude::schema;
use eklavya_config::StageSettings;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::ProjectId;
use eklavya_core::ledger::BudgetScope;
use eklavya_core::money::MicroUsd;
use eklavya_core::plan::document::PlanDocument;
use eklavya_core::process::SEARCH_DIRECTORIES;
use eklavya_core::task::Task;
use eklavya_services::costs::CostTracker;
use eklavya_services::plans;

/// The document that the task writes beside the plan.
const DOCUMENT: &str = "docs/architecture.md";
/// The most tasks that the Architect is told to plan.
const MAX_TASKS: u32 = 40;
/// The programs that the Architect is told about if this machine has them.
const PROGRAMS: [&str; 14] = [
    "sh", "bash", "git", "make", "python3", "node", "npm", "cargo", "go", "java", "gcc", "perl",
    "ruby", "php",
];
/// The roles that a plan may give tasks to.
const BUILDER_ROLES: [(Role, &str); 6] = [
    (
        Role::Orchestrator,
        "writes nothing: hands out to agents of the roles below what cannot be planned yet",
    ),
    (
        Role::Developer,
        "writes the product: any file, a shell, commits",
    ),
    (
        Role::Tester,
        "writes tests below tests/; runs only the test command",
    ),
    (Role::Architect, "writes documents below docs/; no shell"),
    (Role::Pm, "writes documents below docs/; no shell"),
    (
        Role::Sre,
        "writes what keeps the product running: any file, a shell, commits",
    ),
];

pub(super) struct ArchitectureRules;

impl TaskKindRules for ArchitectureRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.plan_attempts
    }

    fn answer_schema(&self) -> Option<serde_json::Value> {
        Some(schema::plan_schema().clone())
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(architecture_prompt(context))
    }

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(accept_architecture(submission))
    }
}

async fn architecture_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let site = context.site;
    let requirements = site
        .repository
        .read_file(context.base, requirements::DOCUMENT, DOCUMENT_BYTES)
        .await?;
    let left = remaining_budget(context.costs, site.project().id).await?;
    Ok(TaskPrompt::Architecture(ArchitecturePrompt {
        brief: site.project().brief.clone(),
        requirements: String::from_utf8_lossy(&requirements.unwrap_or_default()).into_owned(),
        budget_usd: left.map_or_else(|| "no limit".to_owned(), |left| left.to_string()),
        max_tasks: MAX_TASKS,
        parallel_agents: u32::try_from(site.config.agents.parallel).unwrap_or(u32::MAX),
        available_programs: list_available_programs(),
        roles: list_builder_roles(),
        refused: list_refusals(context.task),
        feedback: plans::rejection_feedback(&site.data, site.project()).await?,
    }))
}

/// Returns what the project may still spend; `None` if it has no limit.
async fn remaining_budget(
    costs: &CostTracker,
    project: ProjectId,
) -> Result<Option<MicroUsd>, EngineError> {
    let budget = costs.find_budget(BudgetScope::Project(project)).await?;
    Ok(budget.limit.map(|limit| limit.saturating_sub(budget.spent)))
}

fn list_available_programs() -> Vec<String> {
    let is_available = |name: &&str| {
        SEARCH_DIRECTORIES
            .iter()
            .any(|directory| std::path::Path::new(directory).join(name).exists())
    };
    PROGRAMS
        .iter()
        .filter(|name| is_available(name))
        .map(ToString::to_string)
        .collect()
}

fn list_builder_roles() -> Vec<RoleSummary> {
    let summary = |(role, purpose): (Role, &str)| RoleSummary {
        name: role.to_string(),
        purpose: purpose.to_owned(),
    };
    BUILDER_ROLES.into_iter().map(summary).collect()
}

/// Returns why the last plan was refused, one line each.
fn list_refusals(task: &Task) -> Vec<String> {
    let lines = task.feedback.iter().flat_map(|text| text.lines());
    lines.map(str::to_owned).collect()
}

async fn accept_architecture(
    submission: TaskSubmission<'_>,
) -> Result<AcceptanceVerdict, EngineError> {
    let project = submission.site.project().id;
    let problems = match &submission.task.result {
        None => vec!["you returned no plan: call StructuredOutput with it".to_owned()],
        Some(answer) => find_plan_problems(submission.costs, project, answer).await?,
    };
    if !problems.is_empty() {
        return Ok(AcceptanceVerdict::returned(problems.join("\n")));
    }
    accept_document(&submission, DOCUMENT).await
}

async fn find_plan_problems(
    costs: &CostTracker,
    project: ProjectId,
    answer: &serde_json::Value,
) -> Result<Vec<String>, EngineError> {
    let problems = schema::find_violations(schema::plan_schema(), answer);
    if !problems.is_empty() {
        return Ok(problems);
    }
    match parse_plan(answer) {
        Ok(plan) => Ok(plan.find_problems(remaining_budget(costs, project).await?)),
        Err(problem) => Ok(vec![problem]),
    }
}

/// Reads a plan as the Architect returned it.
pub(crate) fn parse_plan(answer: &serde_json::Value) -> Result<PlanDocument, String> {
    PlanDocument::deserialize(answer).map_err(|error| format!("the plan cannot be read: {error}"))
}

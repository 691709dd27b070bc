//! What distinguishes the kinds of tasks: one file per kind with its prompt, the schema of its
//! answer, its limit of attempts and its acceptance.
//!
//! A new kind needs its file here and its arm in [`rules_for`].

pub(crate) mod architecture;
mod build;
mod demo;
mod documents;
mod fix;
mod plan_text;
mod requirements;
pub(crate) mod verify;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::accept::AcceptanceVerdict;
use crate::agent::prompt::prompt_error;
use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_claude::prompt::{CheckMethod, CriterionSummary, RetryContext, TaskPrompt};
use eklavya_config::StageSettings;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck, PlanDocument};
use eklavya_core::task::{Task, TaskKind};
use eklavya_services::costs::CostTracker;

/// What the prompt of a task is rendered from.
#[derive(Clone, Copy)]
pub(crate) struct PromptContext<'a> {
    pub site: &'a Site,
    pub costs: &'a CostTracker,
    pub task: &'a Task,
    /// The commit that the agent's clone starts from.
    pub base: &'a CommitId,
}

/// The work that an agent submitted for a task.
#[derive(Clone, Copy)]
pub(crate) struct TaskSubmission<'a> {
    pub site: &'a Site,
    pub costs: &'a CostTracker,
    /// Held during a merge into main.
    pub merge_lock: &'a Mutex<()>,
    pub task: &'a Task,
    pub commit: &'a CommitId,
}

/// The rules of one kind of task.
pub(crate) trait TaskKindRules: Sync {
    /// Returns the number of attempts after which the admin decides.
    fn attempt_limit(&self, stages: &StageSettings) -> u32;

    /// Returns the JSON schema of the agent's answer, if the kind has one.
    fn answer_schema(&self) -> Option<serde_json::Value> {
        None
    }

    /// Whether the agent may run the checks of the plan.
    fn has_checks(&self) -> bool {
        false
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>>;

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>>;
}

pub(crate) fn rules_for(kind: TaskKind) -> &'static dyn TaskKindRules {
    match kind {
        TaskKind::Requirements => &requirements::RequirementsRules,
        TaskKind::Architecture => &architecture::ArchitectureRules,
        TaskKind::Demo => &demo::DemoRules,
        TaskKind::Build => &build::BuildRules,
        TaskKind::Fix => &fix::FixRules,
        TaskKind::Verify => &verify::VerifyRules,
    }
}

pub(crate) async fn render_prompt(context: PromptContext<'_>) -> Result<String, EngineError> {
    let rules = rules_for(context.task.kind);
    let prompt = rules.task_prompt(context).await?;
    prompt.render().map_err(prompt_error)
}

fn retry_notice(task: &Task) -> Option<RetryContext> {
    task.feedback.as_ref().map(|reason| RetryContext {
        attempt: task.attempt.max(2),
        reason: reason.clone(),
    })
}

/// Returns the criteria of the plan that the task serves.
fn criteria_of<'a>(
    plan: &'a PlanDocument,
    task: &'a Task,
) -> impl Iterator<Item = &'a AcceptanceCriterion> {
    plan.criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id))
}

fn criterion_view(criterion: &AcceptanceCriterion) -> CriterionSummary {
    CriterionSummary {
        id: criterion.id.clone(),
        text: criterion.text.clone(),
        check: match &criterion.check {
            CriterionCheck::Command { command } => CheckMethod::Command(command.clone()),
            CriterionCheck::Review { instructions } => CheckMethod::Review(instructions.clone()),
        },
    }
}

/// Returns the round of verification that a verify or fix task belongs to.
fn verification_round(task: &Task) -> Result<u32, EngineError> {
    task.subject.verification_round().ok_or_else(|| {
        EngineError::Failed(format!("task {} has no round of verification", task.key))
    })
}

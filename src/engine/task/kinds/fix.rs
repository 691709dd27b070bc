//! Fix: a developer repairs what a round of verification found.

use futures_util::future::BoxFuture;

use super::build::accept_build;
use super::plan_text::render_plan_text;
use super::{
    PromptContext, TaskKindRules, TaskSubmission, criteria_of, criterion_view, retry_notice,
    verification_round,
};
use crate::context::error::EngineError;
use crate::task::accept::AcceptanceVerdict;
use eklavya_claude::prompt::{FailedCriterion, FixPrompt, TaskPrompt};
use eklavya_config::StageSettings;
use eklavya_core::plan::document::AcceptanceCriterion;
use eklavya_core::task::evidence::Evidence;
use eklavya_services::{evidence, plans};

pub(super) struct FixRules;

impl TaskKindRules for FixRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.build_attempts
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(fix_prompt(context))
    }

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(accept_build(submission))
    }
}

async fn fix_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let (site, task) = (context.site, context.task);
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let round = verification_round(task)?;
    let found = evidence::of_round(&site.data, site.project().id, round).await?;
    let failures = criteria_of(&plan, task).map(|criterion| failed_criterion(criterion, &found));
    Ok(TaskPrompt::Fix(FixPrompt {
        plan: render_plan_text(&plan),
        commit: context.base.to_string(),
        failures: failures.collect(),
        test_command: plan.test_command.clone(),
        retry: retry_notice(task),
    }))
}

fn failed_criterion(criterion: &AcceptanceCriterion, found: &[Evidence]) -> FailedCriterion {
    let evidence = found
        .iter()
        .find(|evidence| evidence.criterion == criterion.id);
    FailedCriterion {
        criterion: criterion_view(criterion),
        reason: evidence.map_or_else(String::new, |evidence| evidence.reason.clone()),
        output: evidence
            .map(|evidence| evidence.output.clone())
            .filter(|output| !output.is_empty()),
    }
}

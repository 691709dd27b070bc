//! Verify: a role that wrote none of the work checks acceptance criteria on one commit.

use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::plan_text::render_plan_text;
use super::{
    PromptContext, TaskKindRules, TaskSubmission, criteria_of, criterion_view, verification_round,
};
use crate::agent::run::FinishedAgent;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::task::accept::AcceptanceVerdict;
use crate::workspace::checks::{CheckResult, PlanChecks};
use eklavya_claude::mcp::{RUN_CHECK, agent_tool_name};
use eklavya_claude::prompt::{TaskPrompt, VerifyPrompt};
use eklavya_claude::schema;
use eklavya_config::StageSettings;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck};
use eklavya_core::task::evidence::Evidence;
use eklavya_services::{evidence, plans};

pub(super) struct VerifyRules;

impl TaskKindRules for VerifyRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.build_attempts
    }

    fn answer_schema(&self) -> Option<serde_json::Value> {
        Some(schema::verdict_schema().clone())
    }

    fn has_checks(&self) -> bool {
        true
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(verify_prompt(context))
    }

    /// The evidence decides about the criteria, not the commit.
    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(async move { Ok(AcceptanceVerdict::Accepted(submission.commit.clone())) })
    }
}

async fn verify_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let site = context.site;
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let criteria = criteria_of(&plan, context.task).map(criterion_view);
    Ok(TaskPrompt::Verify(VerifyPrompt {
        plan: render_plan_text(&plan),
        commit: context.base.to_string(),
        criteria: criteria.collect(),
        check_tool: agent_tool_name(RUN_CHECK),
    }))
}

/// The verdicts as a verifier returns them.
#[derive(Debug, Default, Deserialize)]
struct VerifierAnswer {
    #[serde(default)]
    verdicts: Vec<CriterionVerdict>,
}

#[derive(Debug, Deserialize)]
struct CriterionVerdict {
    criterion: String,
    pass: bool,
    #[serde(default)]
    reason: String,
}

/// Records the evidence for each criterion of a verify task: the outcome of the check, which the
/// verifier cannot change, and the verdict of the verifier, which can only make it worse.
pub(crate) async fn record_evidence(
    site: &Site,
    finished: &FinishedAgent,
    checks: &PlanChecks,
    answer: Option<&serde_json::Value>,
) -> Result<(), EngineError> {
    let answer = answer.and_then(|answer| VerifierAnswer::deserialize(answer).ok());
    let verdicts = answer.unwrap_or_default().verdicts;
    let round = verification_round(&finished.task)?;
    for criterion in checks.criteria() {
        let verdict = verdicts
            .iter()
            .find(|verdict| verdict.criterion == criterion.id);
        let result = checks.run(site, &criterion.id).await?;
        let (passed, reason) = weigh_evidence(criterion, result.as_ref(), verdict);
        let found = Evidence {
            project: finished.task.project,
            round,
            criterion: criterion.id.clone(),
            commit: checks.commit().clone(),
            agent: finished.agent.id,
            role: finished.agent.role,
            command: result.as_ref().map(|result| result.command.clone()),
            exit: result.as_ref().map(|result| result.exit.clone()),
            output: result.map(|result| result.output).unwrap_or_default(),
            passed,
            reason,
            created_at: site.data.now(),
        };
        evidence::record(&site.data, &found).await?;
    }
    Ok(())
}

/// Returns whether the criterion is met, and why.
fn weigh_evidence(
    criterion: &AcceptanceCriterion,
    result: Option<&CheckResult>,
    verdict: Option<&CriterionVerdict>,
) -> (bool, String) {
    let stated = verdict
        .map(|verdict| verdict.reason.clone())
        .unwrap_or_default();
    match (&criterion.check, result, verdict) {
        (CriterionCheck::Command { .. }, Some(result), verdict) => {
            let passed = result.passed && verdict.is_none_or(|verdict| verdict.pass);
            let reason = if stated.is_empty() {
                format!("the check ended with {}", result.exit)
            } else {
                stated
            };
            (passed, reason)
        }
        (CriterionCheck::Command { .. }, None, _) => (false, "the check was not run".to_owned()),
        (CriterionCheck::Review { .. }, _, Some(verdict)) => (verdict.pass, stated),
        (CriterionCheck::Review { .. }, _, None) => {
            (false, "the verifier gave no verdict".to_owned())
        }
    }
}

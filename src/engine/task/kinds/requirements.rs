//! Requirements: the PM writes `docs/requirements.md` from the brief.

use futures_util::future::BoxFuture;

use super::documents::accept_document;
use super::{PromptContext, TaskKindRules, TaskSubmission};
use crate::context::error::EngineError;
use crate::task::accept::AcceptanceVerdict;
use eklavya_claude::prompt::{RequirementsPrompt, TaskPrompt};
use eklavya_config::StageSettings;
use eklavya_services::plans;

/// The document that the task writes.
pub(super) const DOCUMENT: &str = "docs/requirements.md";

pub(super) struct RequirementsRules;

impl TaskKindRules for RequirementsRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.plan_attempts
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(requirements_prompt(context))
    }

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(async move { accept_document(&submission, DOCUMENT).await })
    }
}

async fn requirements_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let (site, task) = (context.site, context.task);
    let mut feedback = plans::rejection_feedback(&site.data, site.project()).await?;
    feedback.extend(task.feedback.clone());
    Ok(TaskPrompt::Requirements(RequirementsPrompt {
        brief: site.project().brief.clone(),
        feedback,
    }))
}

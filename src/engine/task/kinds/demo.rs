//! Demos: a developer builds one of the rival answers to the plan.

use futures_util::future::BoxFuture;

use super::plan_text::{describe_preview, render_plan_text};
use super::{PromptContext, TaskKindRules, TaskSubmission, retry_notice};
use crate::context::error::EngineError;
use crate::preview::demo::{self, DemoPreviewResult};
use crate::task::accept::{AcceptanceVerdict, find_lost_directories};
use eklavya_claude::prompt::{DemoPrompt, TaskPrompt};
use eklavya_config::StageSettings;
use eklavya_core::demo::Demo;
use eklavya_services::{demos, plans};

pub(super) struct DemoRules;

impl TaskKindRules for DemoRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.build_attempts
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(demo_prompt(context))
    }

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(accept_demo(submission))
    }
}

async fn demo_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let (site, task) = (context.site, context.task);
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let all = demos::list(&site.data, site.project()).await?;
    let own = all.iter().find(|demo| demo.task == task.id);
    let round = own.map_or(1, |demo| demo.round);
    let rivals: Vec<_> = all.iter().filter(|demo| demo.round == round).collect();
    let position = rivals.iter().position(|demo| demo.task == task.id);
    Ok(TaskPrompt::Demo(DemoPrompt {
        brief: site.project().brief.clone(),
        plan: render_plan_text(&plan),
        variant: u32::try_from(position.unwrap_or(0) + 1).unwrap_or(1),
        variants: u32::try_from(rivals.len()).unwrap_or(1),
        direction: own.map_or_else(String::new, |demo| demo.direction.clone()),
        feedback: list_earlier_feedback(&all, round),
        test_command: plan.test_command.clone(),
        retry: retry_notice(task),
        preview: describe_preview(&plan.preview),
    }))
}

/// Returns what the admin wrote about the demos of earlier rounds.
fn list_earlier_feedback(all: &[Demo], round: u32) -> Vec<String> {
    let earlier = all.iter().filter(|demo| demo.round < round);
    earlier
        .filter_map(|demo| {
            let feedback = demo.feedback.as_ref()?;
            Some(format!("Demo {}: {feedback}", demo.number))
        })
        .collect()
}

/// The preview must answer before the admin is asked to look at the demo.
async fn accept_demo(submission: TaskSubmission<'_>) -> Result<AcceptanceVerdict, EngineError> {
    let TaskSubmission {
        site, task, commit, ..
    } = submission;
    if let Some(returned) = find_lost_directories(&site.repository, commit).await? {
        return Ok(returned);
    }
    match demo::start_submitted_demo(site, task, commit).await? {
        DemoPreviewResult::Answered => Ok(AcceptanceVerdict::Accepted(commit.clone())),
        DemoPreviewResult::Failed(reason) => Ok(AcceptanceVerdict::returned(reason)),
    }
}

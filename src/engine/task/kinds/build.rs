//! Build: an agent builds a part of the product, or spawns agents that do.

use futures_util::future::BoxFuture;

use super::plan_text::render_plan_text;
use super::{
    PromptContext, TaskKindRules, TaskSubmission, criteria_of, criterion_view, retry_notice,
};
use crate::context::error::EngineError;
use crate::task::accept::{AcceptanceVerdict, find_lost_directories, verdict_of_merge};
use crate::tools::{RUN_TESTS, SPAWN_AGENT};
use crate::workspace::merge;
use eklavya_claude::mcp::agent_tool_name;
use eklavya_claude::prompt::{BuildPrompt, TaskPrompt, TaskSummary, TestAccess};
use eklavya_config::StageSettings;
use eklavya_core::agent::role::Role;
use eklavya_core::demo::DemoState;
use eklavya_core::ids::ProjectId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::Project;
use eklavya_core::task::{Task, TaskState};
use eklavya_sandbox::role_policy::{TerminalAccess, role_policy};
use eklavya_services::{DataStore, demos, plans, spawned_tasks, tasks};

pub(super) struct BuildRules;

impl TaskKindRules for BuildRules {
    fn attempt_limit(&self, stages: &StageSettings) -> u32 {
        stages.build_attempts
    }

    fn task_prompt<'a>(
        &'a self,
        context: PromptContext<'a>,
    ) -> BoxFuture<'a, Result<TaskPrompt, EngineError>> {
        Box::pin(build_prompt(context))
    }

    fn accept<'a>(
        &'a self,
        submission: TaskSubmission<'a>,
    ) -> BoxFuture<'a, Result<AcceptanceVerdict, EngineError>> {
        Box::pin(accept_build(submission))
    }
}

async fn build_prompt(context: PromptContext<'_>) -> Result<TaskPrompt, EngineError> {
    let (site, task) = (context.site, context.task);
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let may_spawn = role_policy(task.role).may_spawn_agents();
    Ok(TaskPrompt::Build(BuildPrompt {
        plan: render_plan_text(&plan),
        task: TaskSummary {
            id: task.key.clone(),
            title: task.title.clone(),
            description: task.description.clone(),
        },
        criteria: criteria_of(&plan, task).map(criterion_view).collect(),
        merged: list_merged_tasks(&site.data, site.project().id).await?,
        wish: find_demo_feedback(&site.data, site.project()).await?,
        test_command: plan.test_command.clone(),
        test_access: test_access(task.role),
        test_tool: agent_tool_name(RUN_TESTS),
        spawn_tool: may_spawn.then(|| agent_tool_name(SPAWN_AGENT)),
        retry: retry_notice(task),
    }))
}

async fn list_merged_tasks(
    data: &DataStore,
    project: ProjectId,
) -> Result<Vec<String>, EngineError> {
    let all = tasks::list(data, project).await?;
    let is_merged =
        |task: &&Task| task.kind.is_built() && matches!(task.state, TaskState::Done { .. });
    let merged = all.iter().filter(is_merged);
    Ok(merged
        .map(|task| format!("{} {}", task.key, task.title))
        .collect())
}

/// Returns what the admin wrote about the approved demo.
async fn find_demo_feedback(
    data: &DataStore,
    project: &Project,
) -> Result<Option<String>, EngineError> {
    let all = demos::list(data, project).await?;
    Ok(all
        .into_iter()
        .find(|demo| matches!(demo.state, DemoState::Approved { .. }))
        .and_then(|demo| demo.feedback))
}

fn test_access(role: Role) -> TestAccess {
    match role_policy(role).terminal {
        TerminalAccess::Full => TestAccess::Shell,
        TerminalAccess::TestCommand => TestAccess::Tool,
        TerminalAccess::No | TerminalAccess::Diagnostic => TestAccess::None,
    }
}

pub(super) async fn accept_build(
    submission: TaskSubmission<'_>,
) -> Result<AcceptanceVerdict, EngineError> {
    let TaskSubmission {
        site,
        merge_lock,
        task,
        commit,
        ..
    } = submission;
    if role_policy(task.role).may_spawn_agents() {
        return accept_delegation(&site.data, task, commit).await;
    }
    if task.attempt == 1 && Some(commit) == task.base_commit.as_ref() {
        return Ok(AcceptanceVerdict::returned(
            "You changed no file. If nothing is left to do, say why; otherwise do the task.",
        ));
    }
    if let Some(returned) = find_lost_directories(&site.repository, commit).await? {
        return Ok(returned);
    }
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let tests = Some(plan.test_command.as_str());
    let merged = merge::merge_into_main(site, merge_lock, task, commit, tests).await?;
    Ok(verdict_of_merge(merged))
}

/// An agent that spawns agents writes nothing itself; what they write is judged when they submit it.
async fn accept_delegation(
    data: &DataStore,
    task: &Task,
    commit: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    let all = tasks::list(data, task.project).await?;
    let has_children = spawned_tasks::children_of(&all, &task.key).next().is_some();
    if has_children || task.attempt > 1 {
        return Ok(AcceptanceVerdict::Accepted(commit.clone()));
    }
    Ok(AcceptanceVerdict::returned(
        "You spawned no agent. If nothing is left to do, say why; otherwise hand the task out.",
    ))
}

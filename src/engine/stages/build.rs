//! The build: the plan's tasks, in parallel where they do not depend on one another.

use std::sync::Arc;

use super::demo;
use crate::error::WorkflowError;
use crate::scheduler;
use crate::worker::Worker;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::plan_document::{PlanDocument, PlannedTask};
use eklavya_core::domain::project::{Project, ProjectEvent, Stage};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::TaskKind;
use eklavya_services::tasks::NewTask;
use eklavya_services::{ServiceError, plans, projects, tasks};

/// Works until every task of the build is done.
pub async fn run(worker: Arc<Worker>) -> Result<Project, WorkflowError> {
    let mut project = worker.project().await?;
    if project.state.stage() == Some(Stage::DemoApproved) {
        demo::promote(&worker.site).await?;
        project = start(&worker, &project).await?;
    }
    match project.state.stage() {
        Some(Stage::Building) => finish(&worker).await,
        Some(Stage::Built) => Ok(project),
        _ => Err(WorkflowError::wrong_stage(
            &project,
            "the build begins once a demo is approved",
        )),
    }
}

/// Makes the plan's tasks and moves the project on, all at once.
async fn start(worker: &Worker, project: &Project) -> Result<Project, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, project).await?;
    let mut change = worker.site.desk.change(&Actor::System).await?;
    for (place, task) in plan.tasks.iter().enumerate() {
        let new = planned(&plan, task, place)?;
        tasks::ensure_in(&mut change, project, new).await?;
    }
    let project = projects::advance_in(&mut change, project, ProjectEvent::StartBuild).await?;
    change.commit().await.map_err(ServiceError::from)?;
    Ok(project)
}

fn planned(
    plan: &PlanDocument,
    task: &PlannedTask,
    place: usize,
) -> Result<NewTask, WorkflowError> {
    let role: Role =
        task.role
            .parse()
            .map_err(|error: eklavya_core::domain::role::UnknownRole| {
                WorkflowError::Failed(error.to_string())
            })?;
    // Earlier in the plan goes first, where nothing else decides.
    let priority = i64::try_from(plan.tasks.len() - place).unwrap_or(0);
    Ok(NewTask {
        description: task.description.clone(),
        criteria: task.criteria.clone(),
        depends_on: task.depends_on.clone(),
        priority,
        estimate: task.estimate(),
        ..NewTask::new(&task.id, TaskKind::Build, role, &task.title)
    })
}

async fn finish(worker: &Arc<Worker>) -> Result<Project, WorkflowError> {
    let ran = scheduler::run_tasks(worker, |task| task.kind.is_built()).await;
    let project = projects::note_progress(&worker.site.desk, worker.site.project()).await?;
    ran?;
    let all = tasks::list(&worker.site.desk, project.id).await?;
    if let Some(open) = all
        .iter()
        .find(|t| t.kind.is_built() && !matches!(t.state.status(), "done" | "cancelled"))
    {
        return Err(WorkflowError::Failed(format!(
            "task {} cannot be started: what it depends on was not done",
            open.key
        )));
    }
    Ok(projects::advance(
        &worker.site.desk,
        &Actor::System,
        &project,
        ProjectEvent::FinishBuild,
    )
    .await?)
}

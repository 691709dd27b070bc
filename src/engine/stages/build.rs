//! The build stage: the tasks of the plan, in parallel if they do not depend on one another.

use std::sync::Arc;

use super::demo;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::task::scheduler;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::plan::document::{PlanDocument, PlannedTask};
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::TaskKind;
use eklavya_services::tasks::NewTask;
use eklavya_services::{DataStore, ServiceError, plans, projects, tasks};

/// Works until every task of the build is done.
pub(crate) async fn run(run: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = run.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::DemoApproved) {
        demo::promote_to_main(&run.site).await?;
        project = start_build(&run.site.data, &project).await?;
    }
    match project.state.stage() {
        Some(ProjectStage::Building) => finish_build(&run).await,
        Some(ProjectStage::Built) => Ok(project),
        _ => Err(EngineError::wrong_stage(
            &project,
            "the build starts after a demo is approved",
        )),
    }
}

/// Creates the tasks of the plan and starts the build in one transaction.
async fn start_build(data: &DataStore, project: &Project) -> Result<Project, EngineError> {
    let plan = plans::approved_document(data, project).await?;
    let mut change = data.begin(&AuditActor::System).await?;
    for (place, task) in plan.tasks.iter().enumerate() {
        let new = planned_task(&plan, task, place)?;
        tasks::ensure_in(&mut change, project, new).await?;
    }
    let project = projects::advance_in(&mut change, project, ProjectEvent::StartBuild).await?;
    change.commit().await.map_err(ServiceError::from)?;
    Ok(project)
}

fn planned_task(
    plan: &PlanDocument,
    task: &PlannedTask,
    place: usize,
) -> Result<NewTask, EngineError> {
    let role = task.role.parse::<Role>();
    let role = role.map_err(|error| EngineError::Failed(error.to_string()))?;
    // The order of the plan decides between tasks that are ready.
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

async fn finish_build(run: &Arc<ProjectRun>) -> Result<Project, EngineError> {
    let ran = scheduler::run_tasks(run, |task| task.kind.is_built()).await;
    let project = projects::record_progress(&run.site.data, run.site.project()).await?;
    ran?;
    let all = tasks::list(&run.site.data, project.id).await?;
    if let Some(open) = all
        .iter()
        .find(|t| t.kind.is_built() && !matches!(t.state.status(), "done" | "cancelled"))
    {
        return Err(EngineError::Failed(format!(
            "task {} cannot be started: a task that it depends on was not done",
            open.key
        )));
    }
    Ok(projects::advance(
        &run.site.data,
        &AuditActor::System,
        &project,
        ProjectEvent::FinishBuild,
    )
    .await?)
}

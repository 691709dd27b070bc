//! Planning: a PM writes the requirements, an Architect the architecture and the plan.

use std::sync::Arc;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::task::{accept, scheduler};
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::plan::Plan;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::{TaskKind, TaskState};
use eklavya_git::GitIdentity;
use eklavya_services::tasks::NewTask;
use eklavya_services::{plans, projects, tasks};

/// Works until a plan waits for the admin.
pub async fn run(worker: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = worker.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::Created) {
        create_first_commit(&worker).await?;
        project = projects::advance(
            &worker.site.data,
            &AuditActor::System,
            &project,
            ProjectEvent::StartPlanning,
        )
        .await?;
    }
    match project.state.stage() {
        Some(ProjectStage::Planning) => draft_plan(&worker).await,
        Some(ProjectStage::PlanReview) => Ok(project),
        _ => Err(EngineError::wrong_stage(
            &project,
            "planning comes first, and is done once",
        )),
    }
}

/// What no repository begins without: a key that is committed by accident is everybody's.
const GITIGNORE_TEMPLATE: &str = include_str!("../../../templates/scaffold/gitignore");

/// Makes the first commit, which holds the brief.
async fn create_first_commit(worker: &ProjectRun) -> Result<(), EngineError> {
    if worker.site.repository.branch_tip("main").await?.is_some() {
        return Ok(());
    }
    let brief = worker.site.project().brief.clone().into_bytes();
    let author = GitIdentity::orchestrator().at(worker.site.data.now());
    worker
        .site
        .repository
        .commit_files(
            "main",
            None,
            &[
                (".gitignore", GITIGNORE_TEMPLATE.as_bytes()),
                ("docs/brief.md", brief.as_slice()),
            ],
            &author,
            "Add the client's brief",
        )
        .await?;
    Ok(())
}

async fn draft_plan(worker: &Arc<ProjectRun>) -> Result<Project, EngineError> {
    let plan = plans::ensure_draft(&worker.site.data, worker.site.project()).await?;
    let (requirements, architecture) = plan_task_keys(&plan);
    tasks::ensure(
        &worker.site.data,
        worker.site.project(),
        vec![
            NewTask::new(
                &requirements,
                TaskKind::Requirements,
                Role::Pm,
                "Write the requirements",
            ),
            NewTask {
                depends_on: vec![requirements.clone()],
                ..NewTask::new(
                    &architecture,
                    TaskKind::Architecture,
                    Role::Architect,
                    "Write the architecture and the plan",
                )
            },
        ],
    )
    .await?;
    scheduler::run_tasks(worker, |task| {
        task.key == requirements || task.key == architecture
    })
    .await?;
    propose_plan(worker, &architecture).await
}

fn plan_task_keys(plan: &Plan) -> (String, String) {
    (
        format!("plan-{}-requirements", plan.number),
        format!("plan-{}-architecture", plan.number),
    )
}

async fn propose_plan(worker: &ProjectRun, architecture: &str) -> Result<Project, EngineError> {
    let task = tasks::find(&worker.site.data, worker.site.project(), architecture).await?;
    let (TaskState::Done { .. }, Some(answer)) = (&task.state, &task.result) else {
        return Err(EngineError::Failed("there is no plan yet".to_owned()));
    };
    let document = accept::parse_plan(answer).map_err(EngineError::Failed)?;
    let project = worker.reload_project().await?;
    Ok(plans::propose(&worker.site.data, &project, document).await?)
}

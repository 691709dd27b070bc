//! Planning: a PM writes the requirements, an Architect the architecture and the plan.

use std::sync::Arc;

use crate::error::WorkflowError;
use crate::worker::Worker;
use crate::{accept, scheduler};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::plan::Plan;
use eklavya_core::domain::project::{Project, ProjectEvent, Stage};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{TaskKind, TaskState};
use eklavya_git::Identity;
use eklavya_services::tasks::NewTask;
use eklavya_services::{plans, projects, tasks};

/// Works until a plan waits for the admin.
pub async fn run(worker: Arc<Worker>) -> Result<Project, WorkflowError> {
    let mut project = worker.project().await?;
    if project.state.stage() == Some(Stage::Created) {
        lay_foundation(&worker).await?;
        project = projects::advance(
            &worker.site.desk,
            &Actor::System,
            &project,
            ProjectEvent::StartPlanning,
        )
        .await?;
    }
    match project.state.stage() {
        Some(Stage::Planning) => draft(&worker).await,
        Some(Stage::PlanReview) => Ok(project),
        _ => Err(WorkflowError::wrong_stage(
            &project,
            "planning comes first, and is done once",
        )),
    }
}

/// What no repository begins without: a key that is committed by accident is everybody's.
const IGNORED: &str = include_str!("../../../templates/scaffold/gitignore");

/// Makes the first commit, which holds the brief.
async fn lay_foundation(worker: &Worker) -> Result<(), WorkflowError> {
    if worker.site.repository.branch("main").await?.is_some() {
        return Ok(());
    }
    let brief = worker.site.project().brief.clone().into_bytes();
    let author = Identity::orchestrator().at(worker.site.desk.now());
    worker
        .site
        .repository
        .commit_files(
            "main",
            None,
            &[
                (".gitignore", IGNORED.as_bytes()),
                ("docs/brief.md", brief.as_slice()),
            ],
            &author,
            "Add the client's brief",
        )
        .await?;
    Ok(())
}

async fn draft(worker: &Arc<Worker>) -> Result<Project, WorkflowError> {
    let plan = plans::draft(&worker.site.desk, worker.site.project()).await?;
    let (requirements, architecture) = keys(&plan);
    tasks::ensure(
        &worker.site.desk,
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
    propose(worker, &architecture).await
}

fn keys(plan: &Plan) -> (String, String) {
    (
        format!("plan-{}-requirements", plan.number),
        format!("plan-{}-architecture", plan.number),
    )
}

async fn propose(worker: &Worker, architecture: &str) -> Result<Project, WorkflowError> {
    let task = tasks::find(&worker.site.desk, worker.site.project(), architecture).await?;
    let (TaskState::Done { .. }, Some(answer)) = (&task.state, &task.result) else {
        return Err(WorkflowError::Failed("there is no plan yet".to_owned()));
    };
    let document = accept::read_plan(answer).map_err(WorkflowError::Failed)?;
    let project = worker.project().await?;
    Ok(plans::propose(&worker.site.desk, &project, document).await?)
}

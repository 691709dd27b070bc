//! The planning stage: a PM writes the requirements, an Architect the architecture and the plan.

use std::sync::Arc;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::task::kinds::architecture::parse_plan;
use crate::task::scheduler;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::plan::Plan;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::subject::plan_task_key;
use eklavya_core::task::{TaskKind, TaskState};
use eklavya_git::GitIdentity;
use eklavya_services::tasks::NewTask;
use eklavya_services::{plans, projects, tasks};

/// Works until a plan waits for the admin.
pub(crate) async fn run(run: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = run.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::Created) {
        create_first_commit(&run.site).await?;
        project = projects::advance(
            &run.site.data,
            &AuditActor::System,
            &project,
            ProjectEvent::StartPlanning,
        )
        .await?;
    }
    match project.state.stage() {
        Some(ProjectStage::Planning) => draft_plan(&run).await,
        Some(ProjectStage::PlanReview) => Ok(project),
        _ => Err(EngineError::wrong_stage(
            &project,
            "planning is the first stage and happens once",
        )),
    }
}

/// Every repository starts with it: it keeps files with keys from being committed by accident.
const GITIGNORE_TEMPLATE: &str = include_str!("../../../templates/scaffold/gitignore");

/// Makes the first commit, which contains the brief.
async fn create_first_commit(site: &Site) -> Result<(), EngineError> {
    if site.repository.branch_tip("main").await?.is_some() {
        return Ok(());
    }
    let brief = site.project().brief.clone().into_bytes();
    let author = GitIdentity::orchestrator().at(site.data.now());
    site.repository
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

fn plan_tasks(requirements: &str, architecture: &str) -> Vec<NewTask> {
    vec![
        NewTask::new(
            requirements,
            TaskKind::Requirements,
            Role::Pm,
            "Write the requirements",
        ),
        NewTask {
            depends_on: vec![requirements.to_owned()],
            ..NewTask::new(
                architecture,
                TaskKind::Architecture,
                Role::Architect,
                "Write the architecture and the plan",
            )
        },
    ]
}

async fn draft_plan(run: &Arc<ProjectRun>) -> Result<Project, EngineError> {
    let plan = plans::ensure_draft(&run.site.data, run.site.project()).await?;
    let (requirements, architecture) = plan_task_keys(&plan);
    let new = plan_tasks(&requirements, &architecture);
    tasks::ensure(&run.site.data, run.site.project(), new).await?;
    scheduler::run_tasks(run, |task| {
        task.key == requirements || task.key == architecture
    })
    .await?;
    propose_plan(&run.site, &architecture).await
}

fn plan_task_keys(plan: &Plan) -> (String, String) {
    (
        plan_task_key(plan.number, TaskKind::Requirements),
        plan_task_key(plan.number, TaskKind::Architecture),
    )
}

async fn propose_plan(site: &Site, architecture: &str) -> Result<Project, EngineError> {
    let task = tasks::find(&site.data, site.project(), architecture).await?;
    let (TaskState::Done { .. }, Some(answer)) = (&task.state, &task.result) else {
        return Err(EngineError::Failed("there is no plan yet".to_owned()));
    };
    let document = parse_plan(answer).map_err(EngineError::Failed)?;
    let project = site.reload().await?;
    Ok(plans::propose(&site.data, &project, document).await?)
}

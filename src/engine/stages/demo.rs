//! The demo stage: several developers answer the same plan, each in its own direction.

use std::sync::Arc;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::preview::{browser, demo};
use crate::task::scheduler;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::{Demo, DemoEvent, DemoState};
use eklavya_core::ids::TaskId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::subject::demo_task_key;
use eklavya_core::task::{Task, TaskKind, TaskState};
use eklavya_services::tasks::NewTask;
use eklavya_services::{DataStore, demos, projects, tasks};

/// The directions of the rivals; with more demos than directions, the directions repeat.
const DEMO_DIRECTIONS: [&str; 6] = [
    "the plainest thing that works: clear, calm, nothing to explain",
    "bold and memorable: a strong idea that the client would show around",
    "for busy people: everything important within one glance and one click",
    "for everybody: accessibility and small screens come first",
    "rich in content: tells the story behind the product",
    "playful: small surprises, without getting in the way",
];

/// Works until the demos of a round wait for the admin.
pub(crate) async fn run(run: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = run.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::PlanApproved) {
        let start = ProjectEvent::StartDemos;
        project = projects::advance(&run.site.data, &AuditActor::System, &project, start).await?;
    }
    match project.state.stage() {
        Some(ProjectStage::DemoBuilding) => {
            build_round(&run).await?;
            present_round(&run.site).await
        }
        // The admin may have allowed another attempt at a demo that failed.
        Some(ProjectStage::DemoReview) => {
            run_open_tasks(&run).await?;
            run.reload_project().await
        }
        _ => Err(EngineError::wrong_stage(
            &project,
            "demos are built after the plan is approved and before a demo is approved",
        )),
    }
}

async fn build_round(run: &Arc<ProjectRun>) -> Result<(), EngineError> {
    let site = &run.site;
    let all = demos::list(&site.data, site.project()).await?;
    let is_open = |demo: &Demo| {
        matches!(
            demo.state,
            DemoState::Building
                | DemoState::Starting { .. }
                | DemoState::Ready { .. }
                | DemoState::Failed { .. }
        )
    };
    if !all.iter().any(is_open) {
        let demo_count = site.config.stages.demo_count;
        begin_round(&site.data, site.project(), demo_count, &all).await?;
    }
    run_open_tasks(run).await
}

async fn begin_round(
    data: &DataStore,
    project: &Project,
    demo_count: u32,
    earlier: &[Demo],
) -> Result<(), EngineError> {
    let round = earlier.iter().map(|demo| demo.round).max().unwrap_or(0) + 1;
    let first = earlier.iter().map(|demo| demo.number).max().unwrap_or(0) + 1;
    let mut change = data.begin(&AuditActor::System).await?;
    for place in 0..demo_count {
        let number = first + place;
        let direction = DEMO_DIRECTIONS[place as usize % DEMO_DIRECTIONS.len()];
        let task = demo_task(number, direction);
        demos::ensure_in_round(&mut change, project, number, round, direction, task).await?;
    }
    change.commit().await?;
    Ok(())
}

fn demo_task(number: u32, direction: &str) -> NewTask {
    NewTask {
        description: direction.to_owned(),
        ..NewTask::new(
            demo_task_key(number),
            TaskKind::Demo,
            Role::Developer,
            format!("Build demo {number}"),
        )
    }
}

/// Runs the demo tasks. A blocked task is a failed demo and does not end its rivals.
async fn run_open_tasks(run: &Arc<ProjectRun>) -> Result<(), EngineError> {
    let site = &run.site;
    let open = open_tasks(&site.data, site.project()).await?;
    let ran = scheduler::run_tasks(run, |task| open.contains(&task.id)).await;
    match ran {
        Ok(()) | Err(EngineError::NeedsDecision(_)) => {
            record_failures(&site.data, site.project()).await?;
            browser::screenshot_demos(site).await
        }
        Err(error) => Err(error),
    }
}

async fn open_tasks(data: &DataStore, project: &Project) -> Result<Vec<TaskId>, EngineError> {
    let all = demos::list(data, project).await?;
    Ok(all
        .into_iter()
        .filter(|demo| {
            !matches!(
                demo.state,
                DemoState::Approved { .. }
                    | DemoState::Rejected { .. }
                    | DemoState::Superseded { .. }
            )
        })
        .map(|demo| demo.task)
        .collect())
}

async fn record_failures(data: &DataStore, project: &Project) -> Result<(), EngineError> {
    for demo in demos::list(data, project).await? {
        let task = tasks::reload(data, demo.task).await?;
        let unfinished = matches!(demo.state, DemoState::Building | DemoState::Starting { .. });
        if let (true, TaskState::Blocked { question, .. }) = (unfinished, &task.state) {
            let event = DemoEvent::Fail {
                reason: question.clone(),
            };
            demos::advance(data, project, demo.number, event).await?;
        }
    }
    Ok(())
}

/// Presents the round to the admin if the preview of at least one demo is ready.
async fn present_round(site: &Site) -> Result<Project, EngineError> {
    let all = demos::list(&site.data, site.project()).await?;
    let project = site.reload().await?;
    if all
        .iter()
        .any(|demo| matches!(demo.state, DemoState::Ready { .. }))
    {
        let presented = ProjectEvent::PresentDemos;
        return Ok(projects::advance(&site.data, &AuditActor::System, &project, presented).await?);
    }
    Err(EngineError::NeedsDecision(
        list_blocked_questions(&site.data, &all).await?,
    ))
}

async fn list_blocked_questions(
    data: &DataStore,
    all: &[Demo],
) -> Result<Vec<(String, String)>, EngineError> {
    let mut questions = Vec::new();
    for demo in all {
        let task: Task = tasks::reload(data, demo.task).await?;
        if let TaskState::Blocked { question, .. } = task.state {
            questions.push((task.key, question));
        }
    }
    Ok(questions)
}

/// Approves a demo: records the decision first, then makes its branch main and ends every preview.
pub async fn approve(
    site: &Site,
    actor: &AuditActor,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, EngineError> {
    let project = site.reload().await?;
    let project = demos::approve(&site.data, actor, &project, number, feedback).await?;
    promote_to_main(site).await?;
    Ok(project)
}

/// Rejects a demo and ends its preview.
pub async fn reject(
    site: &Site,
    actor: &AuditActor,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, EngineError> {
    let project = site.reload().await?;
    let moved = demos::reject(&site.data, actor, &project, number, feedback).await?;
    let demo = demos::find(&site.data, &project, number).await?;
    demo::stop_demo_preview(&site.data, actor, &project, &demo).await?;
    Ok(moved)
}

/// Makes the branch of the approved demo main, unless it already is.
pub(super) async fn promote_to_main(site: &Site) -> Result<(), EngineError> {
    let (number, commit) = find_approved(site).await?;
    let main = site.main_commit().await?;
    let repository = &site.repository;
    if !repository.is_ancestor(&commit, &main).await? {
        let moved = repository.is_ancestor(&main, &commit).await?
            && repository
                .compare_and_swap("refs/heads/main", Some(&main), &commit)
                .await?;
        if !moved {
            return Err(EngineError::Failed(format!(
                "main moved while demo {number} was built, so the demo cannot become main"
            )));
        }
    }
    demo::stop_all_previews(&site.data, &AuditActor::System, site.project()).await
}

async fn find_approved(site: &Site) -> Result<(u32, CommitId), EngineError> {
    let all = demos::list(&site.data, site.project()).await?;
    let chosen = all
        .into_iter()
        .find(|demo| matches!(demo.state, DemoState::Approved { .. }));
    chosen
        .and_then(|demo| Some((demo.number, demo.commit?)))
        .ok_or_else(|| EngineError::Failed("no demo is approved".to_owned()))
}

//! Demos: several developers answer the same plan, each in its own direction.

use std::sync::Arc;

use crate::error::WorkflowError;
use crate::site::Site;
use crate::worker::Worker;
use crate::{browsing, preview, scheduler};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::demo::{Demo, DemoEvent, DemoState};
use eklavya_core::domain::project::{Project, ProjectEvent, Stage};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind, TaskState};
use eklavya_services::tasks::NewTask;
use eklavya_services::{Desk, demos, projects, tasks};

/// In which directions rivals differ; more demos than directions start over.
const DIRECTIONS: [&str; 6] = [
    "the plainest thing that works: clear, calm, nothing to explain",
    "bold and memorable: a strong idea that the client would show around",
    "for busy people: everything important within one glance and one click",
    "for everybody: accessibility and small screens come first",
    "rich in content: tells the story behind the product",
    "playful: small surprises, without getting in the way",
];

/// Works until the demos of a round wait for the admin.
pub async fn run(worker: Arc<Worker>) -> Result<Project, WorkflowError> {
    let mut project = worker.project().await?;
    if project.state.stage() == Some(Stage::PlanApproved) {
        project = projects::advance(
            &worker.site.desk,
            &Actor::System,
            &project,
            ProjectEvent::StartDemos,
        )
        .await?;
    }
    match project.state.stage() {
        Some(Stage::DemoBuilding) => {
            build_round(&worker).await?;
            present(&worker).await
        }
        // A demo that failed may have been allowed another try.
        Some(Stage::DemoReview) => {
            work(&worker).await?;
            worker.project().await
        }
        _ => Err(WorkflowError::wrong_stage(
            &project,
            "demos are built once the plan is approved, and before one of them is",
        )),
    }
}

async fn build_round(worker: &Arc<Worker>) -> Result<(), WorkflowError> {
    let all = demos::list(&worker.site.desk, worker.site.project()).await?;
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
        begin_round(worker, &all).await?;
    }
    work(worker).await
}

async fn begin_round(worker: &Worker, earlier: &[Demo]) -> Result<(), WorkflowError> {
    let round = earlier.iter().map(|demo| demo.round).max().unwrap_or(0) + 1;
    let first = earlier.iter().map(|demo| demo.number).max().unwrap_or(0) + 1;
    let mut change = worker.site.desk.change(&Actor::System).await?;
    for place in 0..worker.site.config.stages.demo_count {
        let number = first + place;
        let direction = DIRECTIONS[place as usize % DIRECTIONS.len()];
        let task = NewTask {
            description: direction.to_owned(),
            ..NewTask::new(
                format!("demo-{number}"),
                TaskKind::Demo,
                Role::Developer,
                format!("Build demo {number}"),
            )
        };
        demos::ensure_in_round(
            &mut change,
            worker.site.project(),
            number,
            round,
            direction,
            task,
        )
        .await?;
    }
    change.commit().await?;
    Ok(())
}

/// Runs the demo tasks; one that is blocked is a demo that failed, not the end of its rivals.
async fn work(worker: &Arc<Worker>) -> Result<(), WorkflowError> {
    let open = open_tasks(worker).await?;
    let ran = scheduler::run_tasks(worker, |task| open.contains(&task.id)).await;
    match ran {
        Ok(()) | Err(WorkflowError::NeedsDecision(_)) => {
            note_failures(worker).await?;
            browsing::picture_demos(&worker.site).await
        }
        Err(error) => Err(error),
    }
}

async fn open_tasks(
    worker: &Worker,
) -> Result<Vec<eklavya_core::domain::ids::TaskId>, WorkflowError> {
    let all = demos::list(&worker.site.desk, worker.site.project()).await?;
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

async fn note_failures(worker: &Worker) -> Result<(), WorkflowError> {
    for demo in demos::list(&worker.site.desk, worker.site.project()).await? {
        let task = tasks::reload(&worker.site.desk, demo.task).await?;
        let unfinished = matches!(demo.state, DemoState::Building | DemoState::Starting { .. });
        if let (true, TaskState::Blocked { question, .. }) = (unfinished, &task.state) {
            let event = DemoEvent::Fail {
                reason: question.clone(),
            };
            demos::advance(&worker.site.desk, worker.site.project(), demo.number, event).await?;
        }
    }
    Ok(())
}

/// Puts the round before the admin where at least one of its demos can be looked at.
async fn present(worker: &Worker) -> Result<Project, WorkflowError> {
    let all = demos::list(&worker.site.desk, worker.site.project()).await?;
    let project = worker.project().await?;
    if all
        .iter()
        .any(|demo| matches!(demo.state, DemoState::Ready { .. }))
    {
        let presented = ProjectEvent::PresentDemos;
        return Ok(
            projects::advance(&worker.site.desk, &Actor::System, &project, presented).await?,
        );
    }
    Err(WorkflowError::NeedsDecision(
        failures(&worker.site.desk, &all).await?,
    ))
}

async fn failures(desk: &Desk, all: &[Demo]) -> Result<Vec<(String, String)>, WorkflowError> {
    let mut questions = Vec::new();
    for demo in all {
        let task: Task = tasks::reload(desk, demo.task).await?;
        if let TaskState::Blocked { question, .. } = task.state {
            questions.push((task.key, question));
        }
    }
    Ok(questions)
}

/// Approves a demo: the decision is written first, then its branch becomes main and every preview
/// ends.
pub async fn approve(
    site: &Site,
    actor: &Actor,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, WorkflowError> {
    let project = site.reload().await?;
    let project = demos::approve(&site.desk, actor, &project, number, feedback).await?;
    promote(site).await?;
    Ok(project)
}

/// Rejects a demo and ends its preview.
pub async fn reject(
    site: &Site,
    actor: &Actor,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, WorkflowError> {
    let project = site.reload().await?;
    let moved = demos::reject(&site.desk, actor, &project, number, feedback).await?;
    let demo = demos::find(&site.desk, &project, number).await?;
    preview::stop(&site.desk, actor, &project, &demo).await?;
    Ok(moved)
}

/// Makes the approved demo's branch main, unless that was done.
pub(super) async fn promote(site: &Site) -> Result<(), WorkflowError> {
    let all = demos::list(&site.desk, site.project()).await?;
    let chosen = all
        .iter()
        .find(|demo| matches!(demo.state, DemoState::Approved { .. }));
    let Some((demo, commit)) = chosen.and_then(|demo| Some((demo, demo.commit.clone()?))) else {
        return Err(WorkflowError::Failed("no demo is approved".to_owned()));
    };
    let main = site.main().await?;
    if !site.repository.is_ancestor(&commit, &main).await? {
        let follows = site.repository.is_ancestor(&main, &commit).await?;
        let branch = "refs/heads/main";
        if !follows
            || !site
                .repository
                .compare_and_swap(branch, Some(&main), &commit)
                .await?
        {
            return Err(WorkflowError::Failed(format!(
                "main moved while demo {} was built; it cannot become main as it is",
                demo.number
            )));
        }
    }
    preview::stop_all(&site.desk, &Actor::System, site.project()).await
}

//! Verification: every criterion is checked on one commit by a role that wrote none of it.

use std::sync::Arc;

use super::build;
use crate::error::WorkflowError;
use crate::exhibit::Exhibit;
use crate::worker::Worker;
use crate::{briefing, scheduler};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::evidence::Evidence;
use eklavya_core::domain::plan_document::{Check, Criterion, PlanDocument};
use eklavya_core::domain::project::{Project, ProjectEvent, Stage};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskEvent, TaskKind};
use eklavya_services::tasks::{NewTask, TaskNote};
use eklavya_services::{ServiceError, evidence, plans, projects, tasks};

/// Works until every criterion holds; what does not hold is repaired, a limited number of times.
pub async fn run(worker: Arc<Worker>) -> Result<Project, WorkflowError> {
    loop {
        let project = worker.project().await?;
        match project.state.stage() {
            Some(Stage::Building) if is_repair(&worker).await? => {
                build::run(Arc::clone(&worker)).await?;
            }
            Some(Stage::Built) => {
                let start = ProjectEvent::StartVerification;
                projects::advance(&worker.site.desk, &Actor::System, &project, start).await?;
            }
            Some(Stage::Verifying) => {
                verify_round(&worker).await?;
            }
            Some(Stage::Verified) => return Ok(project),
            _ => {
                let needed = "verification begins once the build is done";
                return Err(WorkflowError::wrong_stage(&project, needed));
            }
        }
    }
}

/// Whether the project is back in the build because a verification failed.
async fn is_repair(worker: &Worker) -> Result<bool, WorkflowError> {
    let all = tasks::list(&worker.site.desk, worker.site.project().id).await?;
    Ok(all.iter().any(|task| task.kind == TaskKind::Fix))
}

/// Returns the number of the round that is under way: one more than there were repairs.
pub(crate) async fn round(worker: &Worker) -> Result<u32, WorkflowError> {
    let all = tasks::list(&worker.site.desk, worker.site.project().id).await?;
    let repairs = all
        .iter()
        .filter(|task| task.kind == TaskKind::Fix)
        .map(briefing::round_of);
    Ok(repairs.max().unwrap_or(0) + 1)
}

async fn verify_round(worker: &Arc<Worker>) -> Result<(), WorkflowError> {
    let round = round(worker).await?;
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    tasks::ensure(
        &worker.site.desk,
        worker.site.project(),
        verifiers(&plan, round),
    )
    .await?;
    let commit = worker.site.main().await?;
    let exhibit = Exhibit::open(&worker.site, &commit, plan.preview.clone()).await?;
    let ran = scheduler::run_tasks(worker, |task| belongs(task, round)).await;
    if let Some(exhibit) = exhibit {
        exhibit.close().await?;
    }
    ran?;
    let commit = worker.site.main().await?;
    let found = evidence::of_round(&worker.site.desk, worker.site.project().id, round).await?;
    let holds = |criterion: &Criterion| {
        found
            .iter()
            .any(|e| e.criterion == criterion.id && e.passed && e.commit == commit)
    };
    let failed: Vec<Criterion> = plan
        .criteria
        .iter()
        .filter(|criterion| !holds(criterion))
        .cloned()
        .collect();
    if failed.is_empty() {
        let project = worker.project().await?;
        let passed = ProjectEvent::PassVerification;
        projects::advance(&worker.site.desk, &Actor::System, &project, passed).await?;
        return Ok(());
    }
    order_repair(worker, round, &failed, &found).await
}

fn belongs(task: &Task, round: u32) -> bool {
    task.kind == TaskKind::Verify && briefing::round_of(task) == round
}

/// What a command can check goes to QA, what must be looked at to UAT.
fn verifiers(plan: &PlanDocument, round: u32) -> Vec<NewTask> {
    let (commands, reviews): (Vec<_>, Vec<_>) = plan
        .criteria
        .iter()
        .partition(|criterion| matches!(criterion.check, Check::Command { .. }));
    [
        (Role::Qa, "Run the checks", commands),
        (Role::Uat, "Review as the user", reviews),
    ]
    .into_iter()
    .filter(|(_, _, criteria)| !criteria.is_empty())
    .map(|(role, title, criteria)| NewTask {
        criteria: criteria
            .into_iter()
            .map(|criterion| criterion.id.clone())
            .collect(),
        ..NewTask::new(
            format!("verify-{round}-{role}"),
            TaskKind::Verify,
            role,
            title,
        )
    })
    .collect()
}

/// Makes the repair a task and sends the project back to the build, all at once. Where repairs
/// were tried often enough, the admin decides whether there is another.
async fn order_repair(
    worker: &Worker,
    round: u32,
    failed: &[Criterion],
    found: &[Evidence],
) -> Result<(), WorkflowError> {
    let ids: Vec<String> = failed
        .iter()
        .map(|criterion| criterion.id.clone())
        .collect();
    let new = NewTask {
        criteria: ids.clone(),
        description: failed
            .iter()
            .map(|criterion| describe(criterion, found))
            .collect::<Vec<_>>()
            .join("\n"),
        ..NewTask::new(
            format!("fix-{round}"),
            TaskKind::Fix,
            Role::Developer,
            format!("Repair {}", ids.join(", ")),
        )
    };
    let project = worker.project().await?;
    let mut change = worker.site.desk.change(&Actor::System).await?;
    let task = tasks::ensure_in(&mut change, &project, new).await?;
    if round > worker.site.config.stages.verify_rounds {
        let question = format!(
            "{} still do not hold after {} repairs; try once more?",
            ids.join(", "),
            round - 1
        );
        let event = TaskEvent::Block { question };
        tasks::advance_in(&mut change, &task, &event, TaskNote::default()).await?;
    }
    projects::advance_in(&mut change, &project, ProjectEvent::FailVerification).await?;
    change.commit().await.map_err(ServiceError::from)?;
    Ok(())
}

fn describe(criterion: &Criterion, found: &[Evidence]) -> String {
    let reason = found
        .iter()
        .find(|evidence| evidence.criterion == criterion.id)
        .map_or("no evidence on the present commit", |evidence| {
            evidence.reason.as_str()
        });
    format!("{}: {} ({reason})", criterion.id, criterion.text)
}

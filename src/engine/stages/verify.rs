//! Verification: every criterion is checked on one commit by a role that wrote none of it.

use std::sync::Arc;

use super::build;
use crate::agent::prompt;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::preview::product::ProductPreview;
use crate::task::scheduler;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck, PlanDocument};
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::evidence::Evidence;
use eklavya_core::task::{Task, TaskEvent, TaskKind};
use eklavya_services::tasks::{NewTask, TaskUpdate};
use eklavya_services::{ServiceError, evidence, plans, projects, tasks};

/// Works until every criterion holds; what does not hold is repaired, a limited number of times.
pub async fn run(worker: Arc<ProjectRun>) -> Result<Project, EngineError> {
    loop {
        let project = worker.reload_project().await?;
        match project.state.stage() {
            Some(ProjectStage::Building) if is_repair(&worker).await? => {
                build::run(Arc::clone(&worker)).await?;
            }
            Some(ProjectStage::Built) => {
                let start = ProjectEvent::StartVerification;
                projects::advance(&worker.site.data, &AuditActor::System, &project, start).await?;
            }
            Some(ProjectStage::Verifying) => {
                verify_round(&worker).await?;
            }
            Some(ProjectStage::Verified) => return Ok(project),
            _ => {
                let needed = "verification begins once the build is done";
                return Err(EngineError::wrong_stage(&project, needed));
            }
        }
    }
}

/// Whether the project is back in the build because a verification failed.
async fn is_repair(worker: &ProjectRun) -> Result<bool, EngineError> {
    let all = tasks::list(&worker.site.data, worker.site.project().id).await?;
    Ok(all.iter().any(|task| task.kind == TaskKind::Fix))
}

/// Returns the number of the round that is under way: one more than there were repairs.
pub(crate) async fn current_round(worker: &ProjectRun) -> Result<u32, EngineError> {
    let all = tasks::list(&worker.site.data, worker.site.project().id).await?;
    let repairs = all
        .iter()
        .filter(|task| task.kind == TaskKind::Fix)
        .map(prompt::verification_round);
    Ok(repairs.max().unwrap_or(0) + 1)
}

async fn verify_round(worker: &Arc<ProjectRun>) -> Result<(), EngineError> {
    let round = current_round(worker).await?;
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    tasks::ensure(
        &worker.site.data,
        worker.site.project(),
        verification_tasks(&plan, round),
    )
    .await?;
    let commit = worker.site.main_commit().await?;
    let exhibit = ProductPreview::open(&worker.site, &commit, plan.preview.clone()).await?;
    let ran = scheduler::run_tasks(worker, |task| is_in_round(task, round)).await;
    if let Some(exhibit) = exhibit {
        exhibit.close().await?;
    }
    ran?;
    let commit = worker.site.main_commit().await?;
    let found = evidence::of_round(&worker.site.data, worker.site.project().id, round).await?;
    let holds = |criterion: &AcceptanceCriterion| {
        found
            .iter()
            .any(|e| e.criterion == criterion.id && e.passed && e.commit == commit)
    };
    let failed: Vec<AcceptanceCriterion> = plan
        .criteria
        .iter()
        .filter(|criterion| !holds(criterion))
        .cloned()
        .collect();
    if failed.is_empty() {
        let project = worker.reload_project().await?;
        let passed = ProjectEvent::PassVerification;
        projects::advance(&worker.site.data, &AuditActor::System, &project, passed).await?;
        return Ok(());
    }
    request_repair(worker, round, &failed, &found).await
}

fn is_in_round(task: &Task, round: u32) -> bool {
    task.kind == TaskKind::Verify && prompt::verification_round(task) == round
}

/// What a command can check goes to QA, what must be looked at to UAT.
fn verification_tasks(plan: &PlanDocument, round: u32) -> Vec<NewTask> {
    let (commands, reviews): (Vec<_>, Vec<_>) = plan
        .criteria
        .iter()
        .partition(|criterion| matches!(criterion.check, CriterionCheck::Command { .. }));
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
async fn request_repair(
    worker: &ProjectRun,
    round: u32,
    failed: &[AcceptanceCriterion],
    found: &[Evidence],
) -> Result<(), EngineError> {
    let ids: Vec<String> = failed
        .iter()
        .map(|criterion| criterion.id.clone())
        .collect();
    let new = NewTask {
        criteria: ids.clone(),
        description: failed
            .iter()
            .map(|criterion| describe_failure(criterion, found))
            .collect::<Vec<_>>()
            .join("\n"),
        ..NewTask::new(
            format!("fix-{round}"),
            TaskKind::Fix,
            Role::Developer,
            format!("Repair {}", ids.join(", ")),
        )
    };
    let project = worker.reload_project().await?;
    let mut change = worker.site.data.begin(&AuditActor::System).await?;
    let task = tasks::ensure_in(&mut change, &project, new).await?;
    if round > worker.site.config.stages.verify_rounds {
        let question = format!(
            "{} still do not hold after {} repairs; try once more?",
            ids.join(", "),
            round - 1
        );
        let event = TaskEvent::Block { question };
        tasks::advance_in(&mut change, &task, &event, TaskUpdate::default()).await?;
    }
    projects::advance_in(&mut change, &project, ProjectEvent::FailVerification).await?;
    change.commit().await.map_err(ServiceError::from)?;
    Ok(())
}

fn describe_failure(criterion: &AcceptanceCriterion, found: &[Evidence]) -> String {
    let reason = found
        .iter()
        .find(|evidence| evidence.criterion == criterion.id)
        .map_or("no evidence on the present commit", |evidence| {
            evidence.reason.as_str()
        });
    format!("{}: {} ({reason})", criterion.id, criterion.text)
}

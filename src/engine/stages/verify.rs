//! The verification stage: every criterion is checked on one commit by a role that wrote none of it.

use std::sync::Arc;

use super::build;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::preview::product::ProductPreview;
use crate::task::scheduler;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck, PlanDocument};
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::evidence::Evidence;
use eklavya_core::task::subject::{repair_task_key, verification_task_key};
use eklavya_core::task::{Task, TaskEvent, TaskKind};
use eklavya_services::tasks::{NewTask, TaskUpdate};
use eklavya_services::{DataStore, ServiceError, evidence, plans, projects, tasks};

/// Works until every criterion is met. What is not met is repaired, a limited number of times.
pub(crate) async fn run(run: Arc<ProjectRun>) -> Result<Project, EngineError> {
    loop {
        let project = run.reload_project().await?;
        match project.state.stage() {
            Some(ProjectStage::Building) if is_repair(&run.site.data, project.id).await? => {
                build::run(Arc::clone(&run)).await?;
            }
            Some(ProjectStage::Built) => {
                let start = ProjectEvent::StartVerification;
                projects::advance(&run.site.data, &AuditActor::System, &project, start).await?;
            }
            Some(ProjectStage::Verifying) => {
                verify_round(&run).await?;
            }
            Some(ProjectStage::Verified) => return Ok(project),
            _ => {
                let needed = "verification starts after the build is done";
                return Err(EngineError::wrong_stage(&project, needed));
            }
        }
    }
}

/// Whether the project returned to the build because a verification failed.
async fn is_repair(data: &DataStore, project: ProjectId) -> Result<bool, EngineError> {
    let all = tasks::list(data, project).await?;
    Ok(all.iter().any(|task| task.kind == TaskKind::Fix))
}

/// Returns the number of the current round: one more than the last repair.
pub(crate) async fn current_round(
    data: &DataStore,
    project: ProjectId,
) -> Result<u32, EngineError> {
    let all = tasks::list(data, project).await?;
    let repairs = all
        .iter()
        .filter(|task| task.kind == TaskKind::Fix)
        .filter_map(|task| task.subject.verification_round());
    Ok(repairs.max().unwrap_or(0) + 1)
}

async fn verify_round(run: &Arc<ProjectRun>) -> Result<(), EngineError> {
    let (site, project) = (&run.site, run.site.project());
    let round = current_round(&site.data, project.id).await?;
    let plan = plans::approved_document(&site.data, project).await?;
    tasks::ensure(&site.data, project, verification_tasks(&plan, round)).await?;
    let commit = site.main_commit().await?;
    let preview = ProductPreview::open(site, &commit, plan.preview.clone()).await?;
    let ran = scheduler::run_tasks(run, |task| is_in_round(task, round)).await;
    if let Some(preview) = preview {
        preview.close().await?;
    }
    ran?;
    let commit = site.main_commit().await?;
    let found = evidence::of_round(&site.data, project.id, round).await?;
    let failed = unmet_criteria(plan.criteria, &found, &commit);
    if failed.is_empty() {
        let project = run.reload_project().await?;
        let passed = ProjectEvent::PassVerification;
        projects::advance(&site.data, &AuditActor::System, &project, passed).await?;
        return Ok(());
    }
    request_repair(site, round, &failed, &found).await
}

fn unmet_criteria(
    mut criteria: Vec<AcceptanceCriterion>,
    found: &[Evidence],
    commit: &CommitId,
) -> Vec<AcceptanceCriterion> {
    criteria.retain(|criterion| {
        let proves = |e: &Evidence| e.criterion == criterion.id && e.passed && e.commit == *commit;
        !found.iter().any(proves)
    });
    criteria
}

fn is_in_round(task: &Task, round: u32) -> bool {
    task.kind == TaskKind::Verify && task.subject.verification_round() == Some(round)
}

/// QA checks what a command can check, UAT reviews the rest.
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
            verification_task_key(round, role),
            TaskKind::Verify,
            role,
            title,
        )
    })
    .collect()
}

/// Creates the repair task and sends the project back to the build in one transaction. After
/// `stages.verifyRounds` repairs, the admin decides whether to repair again.
async fn request_repair(
    site: &Site,
    round: u32,
    failed: &[AcceptanceCriterion],
    found: &[Evidence],
) -> Result<(), EngineError> {
    let new = repair_task(round, failed, found);
    let ids = new.criteria.join(", ");
    let project = site.reload().await?;
    let mut change = site.data.begin(&AuditActor::System).await?;
    let task = tasks::ensure_in(&mut change, &project, new).await?;
    if round > site.config.stages.verify_rounds {
        let question = format!(
            "{ids} still not met after {} repairs; try once more?",
            round - 1
        );
        let event = TaskEvent::Block { question };
        tasks::advance_in(&mut change, &task, &event, TaskUpdate::default()).await?;
    }
    projects::advance_in(&mut change, &project, ProjectEvent::FailVerification).await?;
    change.commit().await.map_err(ServiceError::from)?;
    Ok(())
}

fn repair_task(round: u32, failed: &[AcceptanceCriterion], found: &[Evidence]) -> NewTask {
    let ids: Vec<String> = failed
        .iter()
        .map(|criterion| criterion.id.clone())
        .collect();
    let failures: Vec<String> = failed
        .iter()
        .map(|criterion| describe_failure(criterion, found))
        .collect();
    let title = format!("Repair {}", ids.join(", "));
    NewTask {
        criteria: ids,
        description: failures.join("\n"),
        ..NewTask::new(
            repair_task_key(round),
            TaskKind::Fix,
            Role::Developer,
            title,
        )
    }
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

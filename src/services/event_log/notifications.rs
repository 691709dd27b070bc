//! What a person should know: told as a notification beside the event that it follows from, with the
//! commands that one can type.

use crate::{ServiceError, Transaction};
use eklavya_core::event::{Event, NotificationLevel};
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::ledger::BudgetAlert;
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_core::task::Task;
use eklavya_store::{StoreError, projects};

/// Tells that a project has come to where a person decides, or to its end.
pub(crate) fn notify_stage_in(change: &mut Transaction, project: &Project) {
    let Project { slug, name, .. } = project;
    let (title, message, actions) = match project.state {
        ProjectState::Active {
            stage: ProjectStage::PlanReview,
        } => (
            format!("The plan of {name} is ready"),
            "Approve it, or say what is to be different.",
            ["plan show", "plan approve"],
        ),
        ProjectState::Active {
            stage: ProjectStage::DemoReview,
        } => (
            format!("The demos of {name} are ready"),
            "Look at them, and approve one or reject them.",
            ["demo list", "demo approve"],
        ),
        ProjectState::Delivered { .. } => (
            format!("{name} is delivered"),
            "The repository, its bundle and the dossier are made.",
            ["project show", "budget report"],
        ),
        ProjectState::Active { .. }
        | ProjectState::Paused { .. }
        | ProjectState::Archived { .. } => return,
    };
    let event = Event::Notification {
        level: NotificationLevel::Info,
        title,
        message: message.to_owned(),
        actions: actions.map(|verb| format!("eklavya {verb} {slug}")).into(),
    };
    change.add_event(Some(project.id), event);
}

/// Tells that a task waits for an answer.
pub(crate) async fn notify_question_in(
    change: &mut Transaction,
    task: &Task,
    agent: Option<AgentId>,
    question: &str,
) -> Result<(), ServiceError> {
    emit_blocked(change, task.project, agent, question, true);
    let slug = slug_of(change, task.project).await?;
    let event = Event::Notification {
        level: NotificationLevel::Critical,
        title: format!("Task {} of {slug} waits for your answer", task.key),
        message: question.to_owned(),
        actions: vec![format!(
            "eklavya tasks retry {slug} {} --answer \"…\"",
            task.key
        )],
    };
    change.add_event(Some(task.project), event);
    Ok(())
}

/// Tells that an agent ended because of something that only a person can mend.
pub(crate) async fn notify_stopped_in(
    change: &mut Transaction,
    (project, agent): (ProjectId, AgentId),
    reason: &str,
) -> Result<(), ServiceError> {
    emit_blocked(change, project, Some(agent), reason, true);
    let slug = slug_of(change, project).await?;
    let event = Event::Notification {
        level: NotificationLevel::Critical,
        title: format!("The work on {slug} has stopped"),
        message: reason.to_owned(),
        actions: vec![format!("eklavya status {slug}")],
    };
    change.add_event(Some(project), event);
    Ok(())
}

/// Tells that an agent cannot go on.
pub(crate) fn emit_blocked(
    change: &mut Transaction,
    project: ProjectId,
    agent: Option<AgentId>,
    reason: &str,
    needs_admin: bool,
) {
    let event = Event::AgentBlocked {
        agent_id: agent,
        reason: reason.to_owned(),
        needs_admin,
    };
    change.add_event(Some(project), event);
}

/// Tells that a part of a project's budget is used up.
pub(crate) async fn notify_budget_in(
    change: &mut Transaction,
    alert: &BudgetAlert,
) -> Result<(), StoreError> {
    let BudgetAlert {
        project_id,
        spent,
        limit,
        percent,
    } = *alert;
    change.add_event(Some(project_id), alert.to_event());
    let Some(project) = projects::by_id(&mut change.sql, project_id).await? else {
        return Ok(());
    };
    let slug = project.slug;
    let (level, message) = if percent >= 100 {
        (
            NotificationLevel::Critical,
            "Nothing more is sent to the model before the limit is raised.",
        )
    } else {
        (
            NotificationLevel::Warning,
            "The work goes on up to the limit.",
        )
    };
    let event = Event::Notification {
        level,
        title: format!("{percent} % of the budget of {slug} is used: ${spent} of ${limit}"),
        message: message.to_owned(),
        actions: vec![
            format!("eklavya budget show {slug}"),
            format!("eklavya budget set {slug} --limit USD"),
        ],
    };
    change.add_event(Some(project_id), event);
    Ok(())
}

async fn slug_of(change: &mut Transaction, project: ProjectId) -> Result<String, ServiceError> {
    let found = projects::by_id(&mut change.sql, project).await?;
    found
        .map(|project| project.slug)
        .ok_or_else(|| ServiceError::NotFound {
            what: "project",
            name: project.to_string(),
        })
}

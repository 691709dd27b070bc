//! Notifications for people, emitted with the event that causes them, with commands to type.

use crate::{ServiceError, Transaction};
use eklavya_core::event::{Event, NotificationLevel};
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::ledger::BudgetAlert;
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_core::task::Task;
use eklavya_store::{StoreError, projects};

/// Notifies that a project waits for a decision, or is delivered.
pub(crate) fn notify_stage_in(tx: &mut Transaction, project: &Project) {
    let Some((title, message, actions)) = stage_news(project) else {
        return;
    };
    let slug = &project.slug;
    let event = Event::Notification {
        level: NotificationLevel::Info,
        title,
        message: message.to_owned(),
        actions: actions.map(|verb| format!("eklavya {verb} {slug}")).into(),
    };
    tx.add_event(Some(project.id), event);
}

/// Returns the title, the message and the commands of a notification.
fn stage_news(project: &Project) -> Option<(String, &'static str, [&'static str; 2])> {
    let name = &project.name;
    match project.state {
        ProjectState::Active {
            stage: ProjectStage::PlanReview,
        } => Some((
            format!("The plan of {name} is ready"),
            "Approve it, or reject it with feedback.",
            ["plan show", "plan approve"],
        )),
        ProjectState::Active {
            stage: ProjectStage::DemoReview,
        } => Some((
            format!("The demos of {name} are ready"),
            "Look at them, and approve one or reject them.",
            ["demo list", "demo approve"],
        )),
        ProjectState::Delivered { .. } => Some((
            format!("{name} is delivered"),
            "The repository, its bundle and the dossier are complete.",
            ["project show", "budget report"],
        )),
        ProjectState::Active { .. }
        | ProjectState::Paused { .. }
        | ProjectState::Archived { .. } => None,
    }
}

/// Notifies that a task waits for an answer.
pub(crate) async fn notify_question_in(
    tx: &mut Transaction,
    task: &Task,
    agent: Option<AgentId>,
    question: &str,
) -> Result<(), ServiceError> {
    emit_blocked(tx, task.project, agent, question, true);
    let slug = slug_of(tx, task.project).await?;
    let event = Event::Notification {
        level: NotificationLevel::Critical,
        title: format!("Task {} of {slug} waits for your answer", task.key),
        message: question.to_owned(),
        actions: vec![format!(
            "eklavya tasks retry {slug} {} --answer \"…\"",
            task.key
        )],
    };
    tx.add_event(Some(task.project), event);
    Ok(())
}

/// Notifies that an agent has stopped for a reason that a person must fix.
pub(crate) async fn notify_stopped_in(
    tx: &mut Transaction,
    (project, agent): (ProjectId, AgentId),
    reason: &str,
) -> Result<(), ServiceError> {
    emit_blocked(tx, project, Some(agent), reason, true);
    let slug = slug_of(tx, project).await?;
    let event = Event::Notification {
        level: NotificationLevel::Critical,
        title: format!("The work on {slug} has stopped"),
        message: reason.to_owned(),
        actions: vec![format!("eklavya status {slug}")],
    };
    tx.add_event(Some(project), event);
    Ok(())
}

/// Emits the event that an agent is blocked.
pub(crate) fn emit_blocked(
    tx: &mut Transaction,
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
    tx.add_event(Some(project), event);
}

/// Notifies that a share of a project's budget is used.
pub(crate) async fn notify_budget_in(
    tx: &mut Transaction,
    alert: &BudgetAlert,
) -> Result<(), StoreError> {
    tx.add_event(Some(alert.project_id), alert.to_event());
    if let Some(project) = projects::by_id(&mut tx.sql, alert.project_id).await? {
        let event = budget_notification(&project.slug, alert);
        tx.add_event(Some(alert.project_id), event);
    }
    Ok(())
}

fn budget_notification(slug: &str, alert: &BudgetAlert) -> Event {
    let BudgetAlert {
        spent,
        limit,
        percent,
        ..
    } = *alert;
    let (level, message) = if percent >= 100 {
        (
            NotificationLevel::Critical,
            "No more requests are sent to the model until the limit is raised.",
        )
    } else {
        (
            NotificationLevel::Warning,
            "The work continues up to the limit.",
        )
    };
    Event::Notification {
        level,
        title: format!("{percent} % of the budget of {slug} is used: ${spent} of ${limit}"),
        message: message.to_owned(),
        actions: vec![
            format!("eklavya budget show {slug}"),
            format!("eklavya budget set {slug} --limit USD"),
        ],
    }
}

async fn slug_of(tx: &mut Transaction, project: ProjectId) -> Result<String, ServiceError> {
    let found = projects::by_id(&mut tx.sql, project).await?;
    found
        .map(|project| project.slug)
        .ok_or_else(|| ServiceError::NotFound {
            what: "project",
            name: project.to_string(),
        })
}

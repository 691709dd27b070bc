//! What a person should know: told as a notification beside the event that it follows from, with the
//! commands that one can type.

use super::{Change, ServiceError};
use eklavya_core::domain::event::{Event, Level};
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_core::domain::ledger::BudgetAlert;
use eklavya_core::domain::project::{Project, ProjectState, Stage};
use eklavya_core::domain::task::Task;
use eklavya_store::{StoreError, projects};

/// Tells that a project has come to where a person decides, or to its end.
pub(super) fn moved_in(change: &mut Change, project: &Project) {
    let Project { slug, name, .. } = project;
    let (title, message, actions) = match project.state {
        ProjectState::Active {
            stage: Stage::PlanReview,
        } => (
            format!("The plan of {name} is ready"),
            "Approve it, or say what is to be different.",
            ["plan show", "plan approve"],
        ),
        ProjectState::Active {
            stage: Stage::DemoReview,
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
        level: Level::Info,
        title,
        message: message.to_owned(),
        actions: actions.map(|verb| format!("eklavya {verb} {slug}")).into(),
    };
    change.event(Some(project.id), event);
}

/// Tells that a task waits for an answer.
pub(super) async fn question_in(
    change: &mut Change,
    task: &Task,
    agent: Option<AgentId>,
    question: &str,
) -> Result<(), ServiceError> {
    blocked(change, task.project, agent, question, true);
    let slug = slug(change, task.project).await?;
    let event = Event::Notification {
        level: Level::Critical,
        title: format!("Task {} of {slug} waits for your answer", task.key),
        message: question.to_owned(),
        actions: vec![format!(
            "eklavya tasks retry {slug} {} --answer \"…\"",
            task.key
        )],
    };
    change.event(Some(task.project), event);
    Ok(())
}

/// Tells that an agent ended because of something that only a person can mend.
pub(super) async fn stopped_in(
    change: &mut Change,
    (project, agent): (ProjectId, AgentId),
    reason: &str,
) -> Result<(), ServiceError> {
    blocked(change, project, Some(agent), reason, true);
    let slug = slug(change, project).await?;
    let event = Event::Notification {
        level: Level::Critical,
        title: format!("The work on {slug} has stopped"),
        message: reason.to_owned(),
        actions: vec![format!("eklavya status {slug}")],
    };
    change.event(Some(project), event);
    Ok(())
}

/// Tells that an agent cannot go on.
pub(super) fn blocked(
    change: &mut Change,
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
    change.event(Some(project), event);
}

/// Tells that a part of a project's budget is used up.
pub(super) async fn spent_in(change: &mut Change, alert: &BudgetAlert) -> Result<(), StoreError> {
    let BudgetAlert {
        project_id,
        spent,
        limit,
        percent,
    } = *alert;
    change.event(Some(project_id), alert.event());
    let Some(project) = projects::by_id(&mut change.tx, project_id).await? else {
        return Ok(());
    };
    let slug = project.slug;
    let (level, message) = if percent >= 100 {
        (
            Level::Critical,
            "Nothing more is sent to the model before the limit is raised.",
        )
    } else {
        (Level::Warning, "The work goes on up to the limit.")
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
    change.event(Some(project_id), event);
    Ok(())
}

async fn slug(change: &mut Change, project: ProjectId) -> Result<String, ServiceError> {
    let found = projects::by_id(&mut change.tx, project).await?;
    found
        .map(|project| project.slug)
        .ok_or_else(|| ServiceError::NotFound {
            what: "project",
            name: project.to_string(),
        })
}

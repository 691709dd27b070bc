//! Demos: rounds of alternatives, their previews, and the admin's choice.

use serde_json::json;

use super::projects;
use crate::agent::tasks::{NewTask, TaskUpdate, advance_in, ensure_in};
use crate::data_store::require_swapped;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::{Demo, DemoEvent, DemoState, PreviewProcess};
use eklavya_core::event::Event;
use eklavya_core::ids::DemoId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::decision::Decision;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage};
use eklavya_core::task::{TaskEvent, TaskState};
use eklavya_store::{decisions, demos, tasks};

/// Returns the demos of a project, by number.
pub async fn list(data: &DataStore, project: &Project) -> Result<Vec<Demo>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(demos::of_project(&mut tx, project.id).await?)
}

/// Returns the demo of a project with this number.
pub async fn find(data: &DataStore, project: &Project, number: u32) -> Result<Demo, ServiceError> {
    let mut tx = data.begin_read().await?;
    demos::by_number(&mut tx, project.id, number)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "demo",
            name: number.to_string(),
        })
}

/// Adds a demo with the task that builds it, unless the project has a demo with its number.
pub async fn ensure_in_round(
    tx: &mut Transaction,
    project: &Project,
    number: u32,
    round: u32,
    direction: &str,
    task: NewTask,
) -> Result<Demo, ServiceError> {
    if let Some(demo) = demos::by_number(&mut tx.sql, project.id, number).await? {
        return Ok(demo);
    }
    let task = ensure_in(tx, project, task).await?;
    let demo = Demo {
        id: DemoId::random(),
        project: project.id,
        task: task.id,
        number,
        round,
        direction: direction.to_owned(),
        state: DemoState::Building,
        commit: None,
        preview_url: None,
        preview: None,
        feedback: None,
        version: 1,
        created_at: tx.now,
        approved_at: None,
    };
    demos::insert(&mut tx.sql, &demo).await?;
    let details = json!({ "demo": number, "round": round, "direction": direction });
    tx.add_audit((Some(project.id), None), "demo.create", details);
    Ok(demo)
}

/// Records that a demo was built.
pub async fn record_built(
    data: &DataStore,
    project: &Project,
    number: u32,
    commit: CommitId,
) -> Result<Demo, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let mut demo = find_in(&mut tx, project, number).await?;
    demo.commit = Some(commit);
    let demo = apply_in(&mut tx, demo, &DemoEvent::Built).await?;
    tx.commit().await?;
    Ok(demo)
}

/// Records that a demo's preview answered at `url`.
pub async fn record_preview(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    number: u32,
    url: String,
    process: PreviewProcess,
) -> Result<Demo, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let mut demo = find_in(&mut tx, project, number).await?;
    let details = json!({ "demo": number, "url": url, "pid": process.pid });
    demo.preview_url = Some(url.clone());
    demo.preview = Some(process);
    let first = matches!(demo.state, DemoState::Starting { .. });
    let demo = if first {
        apply_in(&mut tx, demo, &DemoEvent::Answer).await?
    } else {
        save_in(&mut tx, demo).await?
    };
    tx.add_audit((Some(project.id), None), "demo.serve", details);
    let event = Event::DemoReady {
        project_id: project.id,
        demo_number: number,
        preview_url: url,
    };
    tx.add_event(Some(project.id), event);
    tx.commit().await?;
    Ok(demo)
}

/// Records that a demo's preview stopped.
pub async fn record_preview_stopped(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    number: u32,
) -> Result<Demo, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let mut demo = find_in(&mut tx, project, number).await?;
    demo.preview_url = None;
    demo.preview = None;
    let demo = save_in(&mut tx, demo).await?;
    let details = json!({ "demo": number });
    tx.add_audit((Some(project.id), None), "demo.stop", details);
    tx.commit().await?;
    Ok(demo)
}

/// Applies an event to a demo in its own transaction.
pub async fn advance(
    data: &DataStore,
    project: &Project,
    number: u32,
    event: DemoEvent,
) -> Result<Demo, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let demo = find_in(&mut tx, project, number).await?;
    let demo = apply_in(&mut tx, demo, &event).await?;
    tx.commit().await?;
    Ok(demo)
}

/// Approves a demo: the others of every round are superseded and the project advances.
pub async fn approve(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let mut chosen = find_in(&mut tx, project, number).await?;
    chosen.feedback.clone_from(&feedback);
    chosen.approved_at = Some(tx.now);
    apply_in(&mut tx, chosen, &DemoEvent::Approve).await?;
    let moved = projects::advance_in(&mut tx, project, ProjectEvent::ApproveDemo).await?;
    for rival in demos::of_project(&mut tx.sql, project.id).await? {
        let is_open = matches!(
            rival.state,
            DemoState::Ready { .. } | DemoState::Failed { .. }
        );
        if is_open {
            close_in(&mut tx, rival, &DemoEvent::Supersede).await?;
        }
    }
    record_decision_in(&mut tx, project, number, "approved", feedback, actor).await?;
    tx.commit().await?;
    Ok(moved)
}

/// Rejects a demo. When no demo of its round can be chosen any more, the project builds another
/// round, and the failed demos are rejected too.
pub async fn reject(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    number: u32,
    feedback: Option<String>,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let mut demo = find_in(&mut tx, project, number).await?;
    demo.feedback.clone_from(&feedback);
    close_in(&mut tx, demo, &DemoEvent::Reject).await?;
    record_decision_in(&mut tx, project, number, "rejected", feedback, actor).await?;
    let moved = end_round_in(&mut tx, project).await?;
    tx.commit().await?;
    Ok(moved)
}

async fn end_round_in(tx: &mut Transaction, project: &Project) -> Result<Project, ServiceError> {
    let rest = demos::of_project(&mut tx.sql, project.id).await?;
    let can_be_chosen = |demo: &Demo| matches!(demo.state, DemoState::Ready { .. });
    // A round that was never presented to the admin is still being built.
    if rest.iter().any(can_be_chosen) || project.state.stage() == Some(ProjectStage::DemoBuilding) {
        return Ok(project.clone());
    }
    for demo in rest {
        if matches!(demo.state, DemoState::Failed { .. }) {
            close_in(tx, demo, &DemoEvent::Reject).await?;
        }
    }
    projects::advance_in(tx, project, ProjectEvent::RejectDemos).await
}

/// Moves a demo to a final state; its blocked task no longer needs an answer.
async fn close_in(tx: &mut Transaction, demo: Demo, event: &DemoEvent) -> Result<(), ServiceError> {
    let demo = apply_in(tx, demo, event).await?;
    let task = tasks::by_id(&mut tx.sql, demo.task).await?;
    if let Some(task) =
        task.filter(|task| matches!(task.state, TaskState::Blocked { .. } | TaskState::Pending))
    {
        advance_in(tx, &task, &TaskEvent::Cancel, TaskUpdate::default()).await?;
    }
    Ok(())
}

async fn record_decision_in(
    tx: &mut Transaction,
    project: &Project,
    number: u32,
    decision: &str,
    feedback: Option<String>,
    actor: &AuditActor,
) -> Result<(), ServiceError> {
    let row = Decision {
        project: project.id,
        subject: format!("demo {number}"),
        decision: decision.to_owned(),
        feedback,
        decided_by: actor.to_string(),
        decided_at: tx.now,
    };
    decisions::insert(&mut tx.sql, &row).await?;
    let event = Event::DemoApproved {
        project_id: project.id,
        demo_number: number,
        decision: decision.to_owned(),
    };
    tx.add_event(Some(project.id), event);
    Ok(())
}

async fn find_in(
    tx: &mut Transaction,
    project: &Project,
    number: u32,
) -> Result<Demo, ServiceError> {
    demos::by_number(&mut tx.sql, project.id, number)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "demo",
            name: number.to_string(),
        })
}

async fn apply_in(
    tx: &mut Transaction,
    mut demo: Demo,
    event: &DemoEvent,
) -> Result<Demo, ServiceError> {
    let before = demo.state.status();
    demo.state = demo
        .state
        .apply(event, tx.now)
        .map_err(|source| ServiceError::State {
            name: format!("demo {}", demo.number),
            source,
        })?;
    let details = json!({
        "demo": demo.number, "event": event.name(), "from": before, "to": demo.state,
        "commit": demo.commit, "feedback": demo.feedback,
    });
    tx.add_audit((Some(demo.project), None), "demo.advance", details);
    save_in(tx, demo).await
}

async fn save_in(tx: &mut Transaction, mut demo: Demo) -> Result<Demo, ServiceError> {
    let swapped = demos::update(&mut tx.sql, &demo).await?;
    require_swapped(swapped, || format!("demo {}", demo.number))?;
    demo.version += 1;
    Ok(demo)
}

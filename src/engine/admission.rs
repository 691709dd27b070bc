//! Waiting for room before an agent is let go, and telling that it is waited for.

use super::capacity::{Permit, Shortage};
use super::error::WorkflowError;
use super::worker::Worker;
use eklavya_services::{ServiceError, capacity, jobs};

/// Waits until there is room for another agent of the worker's project.
///
/// # Errors
/// [`WorkflowError::Stopped`] where the work is to stop before there is.
pub(super) async fn admit(worker: &Worker) -> Result<Permit, WorkflowError> {
    let project = worker.site.project().id;
    let priority = jobs::priority_of(&worker.site.desk, project).await?;
    let mut waits = false;
    let short = async |shortage| {
        waits = true;
        begin(worker, shortage).await;
    };
    let room = tokio::select! {
        biased;
        () = worker.stop.drain_requested() => None,
        room = worker.capacity.admit(project, priority, short) => Some(room),
    };
    if waits {
        end(worker).await;
    }
    match (room, worker.stop.reason()) {
        (Some(room), _) => {
            let directory = worker.site.config.home.path.join("slots");
            room.map_err(WorkflowError::io(directory))
        }
        (None, Some(reason)) => Err(WorkflowError::Stopped(reason)),
        (None, None) => Err(WorkflowError::Failed("the work was stopped".to_owned())),
    }
}

/// One project's agents wait for the same thing: it is told once.
async fn begin(worker: &Worker, shortage: Shortage) {
    let mut waits = worker.waits.lock().await;
    *waits += 1;
    if *waits == 1 {
        let slug = &worker.site.project().slug;
        tracing::warn!("{slug} is waiting for capacity: {shortage}");
    }
    note(worker, *waits, Some(shortage)).await;
}

async fn end(worker: &Worker) {
    let mut waits = worker.waits.lock().await;
    *waits = waits.saturating_sub(1);
    if *waits == 0 {
        note(worker, 0, None).await;
    }
}

/// That it cannot be shown is no reason not to wait.
async fn note(worker: &Worker, agents: u32, shortage: Option<Shortage>) {
    let (desk, project) = (&worker.site.desk, worker.site.project().id);
    let noted: Result<(), ServiceError> = match shortage {
        Some(shortage) => {
            let (name, reason) = (&worker.identity.name, shortage.to_string());
            capacity::note_wait(desk, project, name, agents, &reason).await
        }
        None => capacity::note_room(desk, project).await,
    };
    if let Err(error) = noted {
        tracing::warn!("that agents wait for room could not be noted: {error}");
    }
}

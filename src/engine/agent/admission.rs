//! Waiting for room before an agent is let go, and telling that it is waited for.

use crate::capacity::{AgentPermit, CapacityShortage};
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use eklavya_services::{ServiceError, capacity, jobs};

/// Waits until there is room for another agent of the worker's project.
///
/// # Errors
/// [`WorkflowError::Stopped`] where the work is to stop before there is.
pub(crate) async fn admit(worker: &ProjectRun) -> Result<AgentPermit, EngineError> {
    let project = worker.site.project().id;
    let priority = jobs::priority_of(&worker.site.data, project).await?;
    let mut waits = false;
    let short = async |shortage| {
        waits = true;
        begin_wait(worker, shortage).await;
    };
    let room = tokio::select! {
        biased;
        () = worker.stop.drain_requested() => None,
        room = worker.capacity.admit(project, priority, short) => Some(room),
    };
    if waits {
        end_wait(worker).await;
    }
    match (room, worker.stop.reason()) {
        (Some(room), _) => {
            let directory = worker.site.config.home.path.join("slots");
            room.map_err(EngineError::io(directory))
        }
        (None, Some(reason)) => Err(EngineError::Stopped(reason)),
        (None, None) => Err(EngineError::Failed("the work was stopped".to_owned())),
    }
}

/// One project's agents wait for the same thing: it is told once.
async fn begin_wait(worker: &ProjectRun, shortage: CapacityShortage) {
    let mut waits = worker.waiting_agents.lock().await;
    *waits += 1;
    if *waits == 1 {
        let slug = &worker.site.project().slug;
        tracing::warn!("{slug} is waiting for capacity: {shortage}");
    }
    record_wait(worker, *waits, Some(shortage)).await;
}

async fn end_wait(worker: &ProjectRun) {
    let mut waits = worker.waiting_agents.lock().await;
    *waits = waits.saturating_sub(1);
    if *waits == 0 {
        record_wait(worker, 0, None).await;
    }
}

/// That it cannot be shown is no reason not to wait.
async fn record_wait(worker: &ProjectRun, agents: u32, shortage: Option<CapacityShortage>) {
    let (data, project) = (&worker.site.data, worker.site.project().id);
    let noted: Result<(), ServiceError> = match shortage {
        Some(shortage) => {
            let (name, reason) = (&worker.identity.name, shortage.to_string());
            capacity::record_wait(data, project, name, agents, &reason).await
        }
        None => capacity::clear_wait(data, project).await,
    };
    if let Err(error) = noted {
        tracing::warn!("that agents wait for room could not be noted: {error}");
    }
}

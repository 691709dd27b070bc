//! Waiting until this machine has room for another agent, and reporting the wait.

use crate::capacity::{AgentPermit, CapacityShortage};
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use eklavya_core::ids::ProjectId;
use eklavya_services::{DataStore, ServiceError, capacity, jobs};

/// Waits until there is room for another agent of the project.
///
/// # Errors
/// [`EngineError::Stopped`] if the run is stopped first.
pub(crate) async fn admit(run: &ProjectRun) -> Result<AgentPermit, EngineError> {
    let project = run.site.project().id;
    let priority = jobs::priority_of(&run.site.data, project).await?;
    let mut waits = false;
    let on_shortage = async |shortage| {
        waits = true;
        begin_wait(run, shortage).await;
    };
    let permit = tokio::select! {
        biased;
        () = run.stop.drain_requested() => None,
        permit = run.capacity.admit(project, priority, on_shortage) => Some(permit),
    };
    if waits {
        end_wait(run).await;
    }
    match (permit, run.stop.reason()) {
        (Some(permit), _) => {
            let directory = run.site.config.home.path.join("slots");
            permit.map_err(EngineError::io(directory))
        }
        (None, Some(reason)) => Err(EngineError::Stopped(reason)),
        (None, None) => Err(EngineError::Failed("the work was stopped".to_owned())),
    }
}

/// The agents of one project wait for the same room: one warning is enough.
async fn begin_wait(run: &ProjectRun, shortage: CapacityShortage) {
    let mut waiting = run.waiting_agents.lock().await;
    *waiting += 1;
    let project = run.site.project();
    if *waiting == 1 {
        tracing::warn!("{} is waiting for capacity: {shortage}", project.slug);
    }
    let data = &run.site.data;
    record_wait(data, project.id, &run.identity.name, *waiting, shortage).await;
}

async fn end_wait(run: &ProjectRun) {
    let mut waiting = run.waiting_agents.lock().await;
    *waiting = waiting.saturating_sub(1);
    if *waiting == 0 {
        let cleared = capacity::clear_wait(&run.site.data, run.site.project().id).await;
        warn_unrecorded(cleared);
    }
}

async fn record_wait(
    data: &DataStore,
    project: ProjectId,
    worker: &str,
    agents: u32,
    shortage: CapacityShortage,
) {
    let reason = shortage.to_string();
    warn_unrecorded(capacity::record_wait(data, project, worker, agents, &reason).await);
}

/// A wait that cannot be shown is still a wait.
fn warn_unrecorded(recorded: Result<(), ServiceError>) {
    if let Err(error) = recorded {
        tracing::warn!("could not record that agents wait for room: {error}");
    }
}

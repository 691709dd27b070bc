//! Watching an agent while it runs: its process, what it does, its signs of life, our stops.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::launch::EVENT_BACKLOG;
use crate::agent::tool_calls::ToolCallAuditor;
use crate::context::project_run::ProjectRun;
use crate::context::stop::StopReason;
use eklavya_claude::activity::AgentActivity;
use eklavya_claude::session::{SessionSignal, StartedProcess};
use eklavya_claude::stream::StreamEvent;
use eklavya_core::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_gateway::AgentDoor;
use eklavya_sandbox::{DiskQuotaExceeded, SandboxSpec, wait_for_disk_quota};
use eklavya_services::ServiceError;
use eklavya_services::agents::{self, AgentAction};
use eklavya_services::data_store::STORE_RETRY;
use eklavya_store::StoreError;

/// How often signs of life are written down while an agent runs.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the watch over the disk needs, and where it writes what it found.
pub(crate) struct DiskQuotaMonitor<'a> {
    /// The sandbox.
    pub spec: SandboxSpec,
    /// Set where the agent took too much.
    pub exceeded: &'a OnceLock<DiskQuotaExceeded>,
    /// Through which the agent is killed then.
    pub control: mpsc::Sender<SessionSignal>,
}

/// Notes the process as soon as there is one, lets it begin, and watches what it takes of the disk.
pub(crate) async fn monitor_process(
    worker: &ProjectRun,
    agent: &Agent,
    process: tokio::sync::oneshot::Receiver<StartedProcess>,
    disk: DiskQuotaMonitor<'_>,
) {
    let Ok(started) = process.await else { return };
    let pid = started.pid;
    tokio::join!(
        record_process(worker, agent, started),
        monitor_disk(disk, pid)
    );
}

async fn monitor_disk(disk: DiskQuotaMonitor<'_>, pid: u32) {
    let roots = vec![disk.spec.workspace, disk.spec.home];
    let outgrown = wait_for_disk_quota(roots, disk.spec.disk_bytes, pid).await;
    // There is no other to set it.
    let _ = disk.exceeded.set(outgrown);
    let _ = disk.control.send(SessionSignal::Kill).await;
}

async fn record_process(worker: &ProjectRun, agent: &Agent, started: StartedProcess) {
    let noted = agents::advance(
        &worker.site.data,
        &AuditActor::System,
        agent.id,
        AgentEvent::Spawn,
        Some(started.pid),
    )
    .await;
    match noted {
        // Where nobody listens any more, the process has ended.
        Ok(_) => drop(started.recorded.send(())),
        Err(error) => {
            tracing::warn!(
                "agent {} could not be noted as running: {error}",
                agent.id.short()
            );
            stop_if_store_unavailable(worker, &error);
        }
    }
}

fn stop_if_store_unavailable(worker: &ProjectRun, error: &ServiceError) {
    if error.is_unavailable() {
        worker.stop.kill(StopReason::StoreUnavailable);
    }
}

/// Writes each tool call to the audit trail, in batches.
///
/// What was done is insisted on while the database is away: then the work is put down, and this ends
/// later. What is not noted here is found in the transcript by whoever recovers the agent.
pub(crate) async fn record_tool_calls(
    worker: Arc<ProjectRun>,
    agent: Agent,
    mut heard: mpsc::Receiver<StreamEvent>,
) {
    let mut calls = ToolCallAuditor::new(worker.site.data.sanitizer.clone());
    let (mut batch, mut actions) = (Vec::new(), Vec::new());
    while heard.recv_many(&mut batch, EVENT_BACKLOG).await > 0 {
        actions.extend(batch.drain(..).flat_map(|event| calls.record_event(event)));
        record_actions(&worker, &agent, &mut actions).await;
    }
    actions.extend(calls.finish());
    record_actions(&worker, &agent, &mut actions).await;
}

async fn record_actions(worker: &ProjectRun, agent: &Agent, actions: &mut Vec<AgentAction>) {
    if actions.is_empty() {
        return;
    }
    let data = &worker.site.data;
    let mut backoff = STORE_RETRY.until(worker.site.config.store_retry_timeout);
    let noted = loop {
        let noted = agents::record_actions(data, agent.project, agent.id, actions).await;
        let Err(error) = &noted else { break noted };
        stop_if_store_unavailable(worker, error);
        // What may have been kept is not written once more: that could make two of it.
        let in_doubt = matches!(error, ServiceError::Store(StoreError::InDoubt(_)));
        if !error.is_unavailable() || in_doubt || !backoff.wait().await {
            break noted;
        }
    };
    actions.clear();
    if let Err(error) = noted {
        tracing::warn!(
            "actions of agent {} could not be noted: {error}",
            agent.id.short()
        );
    }
}

/// Writes down signs of life, excuses the silence of an agent whose request is held back, tells what
/// holds it for longer, and looks whether the admin wants it killed: who says so may be on another
/// host.
pub(crate) async fn monitor_door(
    worker: &ProjectRun,
    agent: &Agent,
    door: &AgentDoor,
    activity: &AgentActivity,
    control: &mpsc::Sender<SessionSignal>,
) {
    let (mut seen, mut waiting) = (0, false);
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let parked = door.current_pause();
        activity.set_paused(parked.is_some());
        if let Some(pause) = parked.filter(|_| !waiting)
            && let Err(error) =
                agents::emit_waiting(&worker.site.data, agent, &pause.to_string()).await
        {
            tracing::warn!("that an agent waits could not be noted: {error}");
        }
        waiting = parked.is_some();
        let last = activity.last_seen_us();
        if last != seen {
            seen = last;
            if let Err(error) = agents::record_heartbeat(&worker.site.data, agent.id).await {
                tracing::warn!("a heartbeat could not be noted: {error}");
            }
        }
        let now = agents::get(&worker.site.data, agent.id).await;
        if now.is_ok_and(|now| matches!(now.state, AgentState::Killed { .. })) {
            // Where nobody listens any more, the agent has ended.
            let _ = control.send(SessionSignal::Kill).await;
        }
    }
}

/// Passes on that the work is to stop; never ends.
pub(crate) async fn forward_stop(worker: &ProjectRun, control: &mpsc::Sender<SessionSignal>) {
    worker.stop.interrupt_requested().await;
    let _ = control.send(SessionSignal::Interrupt).await;
    worker.stop.kill_requested().await;
    let _ = control.send(SessionSignal::Kill).await;
    std::future::pending::<()>().await;
}

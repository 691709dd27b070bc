//! Monitoring an agent while it runs: its process, its actions, its signs of life, and our stops.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::agent::tool_calls::ToolCallAuditor;
use crate::context::stop::{StopReason, StopRequest};
use eklavya_claude::activity::AgentActivity;
use eklavya_claude::session::{SessionSignal, StartedProcess};
use eklavya_claude::stream::StreamEvent;
use eklavya_core::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_gateway::AgentDoor;
use eklavya_sandbox::{DiskQuotaExceeded, SandboxSpec, wait_for_disk_quota};
use eklavya_services::agents;
use eklavya_services::data_store::STORE_RETRY;
use eklavya_services::{DataStore, ServiceError};
use eklavya_store::StoreError;

/// How often signs of life are recorded while an agent runs.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The number of events that may wait to be recorded.
pub(super) const EVENT_BACKLOG: usize = 256;

/// Kills an agent that exceeds its disk quota.
pub(crate) struct DiskQuotaMonitor<'a> {
    pub spec: SandboxSpec,
    /// Set before the agent is killed.
    pub exceeded: &'a OnceLock<DiskQuotaExceeded>,
    pub control: mpsc::Sender<SessionSignal>,
}

/// Records the process as soon as it has started, lets it begin, and monitors its use of the disk.
pub(crate) async fn monitor_process(
    data: &DataStore,
    stop: &StopRequest,
    agent: &Agent,
    process: oneshot::Receiver<StartedProcess>,
    disk: DiskQuotaMonitor<'_>,
) {
    let Ok(started) = process.await else { return };
    let pid = started.pid;
    tokio::join!(
        record_process(data, stop, agent, started),
        monitor_disk(disk, pid)
    );
}

async fn monitor_disk(disk: DiskQuotaMonitor<'_>, pid: u32) {
    let roots = vec![disk.spec.workspace, disk.spec.home];
    let exceeded = wait_for_disk_quota(roots, disk.spec.disk_bytes, pid).await;
    // Only this function sets it.
    let _ = disk.exceeded.set(exceeded);
    let _ = disk.control.send(SessionSignal::Kill).await;
}

async fn record_process(
    data: &DataStore,
    stop: &StopRequest,
    agent: &Agent,
    started: StartedProcess,
) {
    let (event, pid) = (AgentEvent::Spawn, Some(started.pid));
    match agents::advance(data, &AuditActor::System, agent.id, event, pid).await {
        // If the receiver is gone, the process has ended.
        Ok(_) => drop(started.recorded.send(())),
        Err(error) => {
            let id = agent.id.short();
            tracing::warn!("could not record agent {id} as running: {error}");
            stop_if_store_unavailable(stop, &error);
        }
    }
}

fn stop_if_store_unavailable(stop: &StopRequest, error: &ServiceError) {
    if error.is_unavailable() {
        stop.kill(StopReason::StoreUnavailable);
    }
}

/// Writes the tool calls of an agent to the audit trail.
pub(crate) struct ToolCallRecorder {
    pub data: DataStore,
    pub stop: StopRequest,
    /// How long a write is retried while the database is unavailable.
    pub retry_timeout: Duration,
    pub agent: Agent,
}

impl ToolCallRecorder {
    /// Records each tool call, in batches, until the channel closes.
    ///
    /// While the database is unavailable the run is stopped and the writes are retried. The
    /// recovery of the agent finds the calls that are not recorded here in the transcript.
    pub(crate) async fn record_tool_calls(self, mut events: mpsc::Receiver<StreamEvent>) {
        let mut auditor = ToolCallAuditor::new(self.data.sanitizer.clone());
        let (mut batch, mut calls) = (Vec::new(), Vec::new());
        while events.recv_many(&mut batch, EVENT_BACKLOG).await > 0 {
            for event in batch.drain(..) {
                calls.extend(auditor.record_event(event));
            }
            self.record_calls(&mut calls).await;
        }
        calls.extend(auditor.finish());
        self.record_calls(&mut calls).await;
    }

    async fn record_calls(&self, calls: &mut Vec<Value>) {
        if calls.is_empty() {
            return;
        }
        let mut backoff = STORE_RETRY.until(self.retry_timeout);
        let mut in_doubt = false;
        let recorded = loop {
            let recorded = self.write_calls(calls, in_doubt).await;
            let Err(error) = &recorded else {
                break recorded;
            };
            stop_if_store_unavailable(&self.stop, error);
            in_doubt |= matches!(error, ServiceError::Store(StoreError::InDoubt(_)));
            if !error.is_unavailable() || !backoff.wait().await {
                break recorded;
            }
        };
        calls.clear();
        if let Err(error) = recorded {
            let id = self.agent.id.short();
            tracing::warn!("could not record actions of agent {id}: {error}");
        }
    }

    /// Writes the calls. If an earlier write is `in_doubt`, writes only those that it did not record.
    async fn write_calls(&self, calls: &[Value], in_doubt: bool) -> Result<(), ServiceError> {
        let (data, project, id) = (&self.data, self.agent.project, self.agent.id);
        if in_doubt {
            agents::record_missing_tool_calls(data, project, id, calls).await
        } else {
            agents::record_tool_calls(data, project, id, calls).await
        }
    }
}

/// Records signs of life, tolerates the silence of an agent whose request the gateway pauses, and
/// kills the agent if the admin decided that, which may happen on another host. Never ends.
pub(crate) async fn monitor_door(
    data: &DataStore,
    agent: &Agent,
    door: &AgentDoor,
    activity: &AgentActivity,
    control: &mpsc::Sender<SessionSignal>,
) {
    let (mut seen, mut waiting) = (0, false);
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let pause = door.current_pause();
        activity.set_paused(pause.is_some());
        let begins_to_wait = !waiting;
        waiting = pause.is_some();
        if let Some(pause) = pause.filter(|_| begins_to_wait) {
            emit_waiting(data, agent, &pause.to_string()).await;
        }
        let last = activity.last_seen_us();
        if last != seen {
            seen = last;
            record_heartbeat(data, agent).await;
        }
        let now = agents::get(data, agent.id).await;
        if now.is_ok_and(|now| matches!(now.state, AgentState::Killed { .. })) {
            // If the receiver is gone, the agent has ended.
            let _ = control.send(SessionSignal::Kill).await;
        }
    }
}

async fn emit_waiting(data: &DataStore, agent: &Agent, pause: &str) {
    if let Err(error) = agents::emit_waiting(data, agent, pause).await {
        tracing::warn!("could not record that an agent is waiting: {error}");
    }
}

async fn record_heartbeat(data: &DataStore, agent: &Agent) {
    if let Err(error) = agents::record_heartbeat(data, agent.id).await {
        tracing::warn!("could not record a heartbeat: {error}");
    }
}

/// Passes a stop on to the agent. Never ends.
pub(crate) async fn forward_stop(stop: &StopRequest, control: &mpsc::Sender<SessionSignal>) {
    stop.interrupt_requested().await;
    let _ = control.send(SessionSignal::Interrupt).await;
    stop.kill_requested().await;
    let _ = control.send(SessionSignal::Kill).await;
    std::future::pending::<()>().await;
}

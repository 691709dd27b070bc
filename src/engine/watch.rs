//! Watching an agent while it runs: its process, what it does, its signs of life, our stops.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::calls::Calls;
use super::launch::EVENT_BACKLOG;
use super::stop::StopReason;
use super::worker::Worker;
use eklavya_claude::activity::Activity;
use eklavya_claude::session::{Control, Started};
use eklavya_claude::stream::StreamEvent;
use eklavya_core::domain::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::domain::audit::Actor;
use eklavya_gateway::Door;
use eklavya_sandbox::{Outgrown, Spec, outgrown};
use eklavya_services::ServiceError;
use eklavya_services::agents::{self, Action};
use eklavya_services::patience::Insistence;
use eklavya_store::StoreError;

/// How often signs of life are written down while an agent runs.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the watch over the disk needs, and where it writes what it found.
pub(super) struct Disk<'a> {
    /// The sandbox.
    pub spec: Spec,
    /// Set where the agent took too much.
    pub outgrown: &'a OnceLock<Outgrown>,
    /// Through which the agent is killed then.
    pub control: mpsc::Sender<Control>,
}

/// Notes the process as soon as there is one, lets it begin, and watches what it takes of the disk.
pub(super) async fn watch_process(
    worker: &Worker,
    agent: &Agent,
    process: tokio::sync::oneshot::Receiver<Started>,
    disk: Disk<'_>,
) {
    let Ok(started) = process.await else { return };
    let pid = started.pid;
    tokio::join!(note_process(worker, agent, started), watch_disk(disk, pid));
}

async fn watch_disk(disk: Disk<'_>, pid: u32) {
    let roots = vec![disk.spec.workspace, disk.spec.home];
    let outgrown = outgrown(roots, disk.spec.disk_bytes, pid).await;
    // There is no other to set it.
    let _ = disk.outgrown.set(outgrown);
    let _ = disk.control.send(Control::Kill).await;
}

async fn note_process(worker: &Worker, agent: &Agent, started: Started) {
    let noted = agents::advance(
        &worker.site.desk,
        &Actor::System,
        agent.id,
        AgentEvent::Spawn,
        Some(started.pid),
    )
    .await;
    match noted {
        // Where nobody listens any more, the process has ended.
        Ok(_) => drop(started.noted.send(())),
        Err(error) => {
            tracing::warn!(
                "agent {} could not be noted as running: {error}",
                agent.id.short()
            );
            stop_where_nothing_is_written(worker, &error);
        }
    }
}

fn stop_where_nothing_is_written(worker: &Worker, error: &ServiceError) {
    if error.is_away() {
        worker.stop.hard(StopReason::StoreAway);
    }
}

/// Writes each tool call to the audit trail, in batches.
///
/// What was done is insisted on while the database is away: then the work is put down, and this ends
/// later. What is not noted here is found in the transcript by whoever recovers the agent.
pub(super) async fn note_actions(
    worker: Arc<Worker>,
    agent: Agent,
    mut heard: mpsc::Receiver<StreamEvent>,
) {
    let mut calls = Calls::new(worker.site.desk.cleaner.clone());
    let (mut batch, mut actions) = (Vec::new(), Vec::new());
    while heard.recv_many(&mut batch, EVENT_BACKLOG).await > 0 {
        actions.extend(batch.drain(..).flat_map(|event| calls.hear(event)));
        note(&worker, &agent, &mut actions).await;
    }
    actions.extend(calls.end());
    note(&worker, &agent, &mut actions).await;
}

async fn note(worker: &Worker, agent: &Agent, actions: &mut Vec<Action>) {
    if actions.is_empty() {
        return;
    }
    let desk = &worker.site.desk;
    let mut insistence = Insistence::new(worker.site.config.store_patience);
    let noted = loop {
        let noted = agents::note(desk, agent.project, agent.id, actions).await;
        let Err(error) = &noted else { break noted };
        stop_where_nothing_is_written(worker, error);
        // What may have been kept is not written once more: that could make two of it.
        let in_doubt = matches!(error, ServiceError::Store(StoreError::InDoubt(_)));
        if !error.is_away() || in_doubt || !insistence.pause().await {
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
pub(super) async fn watch_door(
    worker: &Worker,
    agent: &Agent,
    door: &Door,
    activity: &Activity,
    control: &mpsc::Sender<Control>,
) {
    let (mut seen, mut waiting) = (0, false);
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let parked = door.parked();
        activity.set_parked(parked.is_some());
        if let Some(pause) = parked.filter(|_| !waiting)
            && let Err(error) = agents::waits(&worker.site.desk, agent, &pause.to_string()).await
        {
            tracing::warn!("that an agent waits could not be noted: {error}");
        }
        waiting = parked.is_some();
        let last = activity.last();
        if last != seen {
            seen = last;
            if let Err(error) = agents::beat(&worker.site.desk, agent.id).await {
                tracing::warn!("a heartbeat could not be noted: {error}");
            }
        }
        let now = agents::get(&worker.site.desk, agent.id).await;
        if now.is_ok_and(|now| matches!(now.state, AgentState::Killed { .. })) {
            // Where nobody listens any more, the agent has ended.
            let _ = control.send(Control::Kill).await;
        }
    }
}

/// Passes on that the work is to stop; never ends.
pub(super) async fn pass_on_stops(worker: &Worker, control: &mpsc::Sender<Control>) {
    worker.stop.soft_requested().await;
    let _ = control.send(Control::Interrupt).await;
    worker.stop.hard_requested().await;
    let _ = control.send(Control::Kill).await;
    std::future::pending::<()>().await;
}

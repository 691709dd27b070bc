//! Watching an agent while it runs: its process, what it does, its signs of life, our stops.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::launch::EVENT_BACKLOG;
use super::worker::Worker;
use crate::claude::activity::Activity;
use crate::claude::session::Control;
use crate::claude::stream::StreamEvent;
use crate::domain::agent::{Agent, AgentEvent};
use crate::domain::audit::Actor;
use crate::gateway::Door;
use crate::services::agents::{self, Action};

/// How often signs of life are written down while an agent runs.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Notes the process as soon as there is one.
pub(super) async fn note_process(
    worker: &Worker,
    agent: &Agent,
    process: tokio::sync::oneshot::Receiver<u32>,
) {
    let Ok(pid) = process.await else { return };
    let noted = agents::advance(
        &worker.site.desk,
        &Actor::System,
        agent.id,
        AgentEvent::Spawn,
        Some(pid),
    )
    .await;
    if let Err(error) = noted {
        tracing::warn!(
            "agent {} could not be noted as running: {error}",
            agent.id.short()
        );
    }
}

/// Writes each tool call and denial to the audit trail, in batches.
pub(super) async fn note_actions(
    worker: &Worker,
    agent: &Agent,
    mut heard: mpsc::Receiver<StreamEvent>,
) {
    let mut batch = Vec::new();
    while heard.recv_many(&mut batch, EVENT_BACKLOG).await > 0 {
        let actions: Vec<Action> = batch.drain(..).filter_map(action).collect();
        if actions.is_empty() {
            continue;
        }
        if let Err(error) = agents::note(&worker.site.desk, agent.project, agent.id, actions).await
        {
            tracing::warn!(
                "actions of agent {} could not be noted: {error}",
                agent.id.short()
            );
        }
    }
}

/// The most characters of a tool's arguments that the audit trail keeps; the transcript has all.
const ARGUMENT_CHARS: usize = 400;

fn action(event: StreamEvent) -> Option<Action> {
    match event {
        StreamEvent::ToolUse { id, name, input } => Some(Action {
            action: "agent.tool",
            details: json!({ "call": id, "tool": name, "input": shortened(&input) }),
        }),
        StreamEvent::ToolResult {
            id,
            is_error,
            denied,
            ..
        } => Some(Action {
            action: if denied {
                "agent.denied"
            } else {
                "agent.toolResult"
            },
            details: json!({ "call": id, "isError": is_error }),
        }),
        _ => None,
    }
}

fn shortened(input: &Value) -> String {
    input.to_string().chars().take(ARGUMENT_CHARS).collect()
}

/// Writes down signs of life, and excuses the silence of an agent whose request is held back.
pub(super) async fn watch_door(worker: &Worker, agent: &Agent, door: &Door, activity: &Activity) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        activity.set_parked(door.parked().is_some());
        let last = activity.last();
        if last != seen {
            seen = last;
            if let Err(error) = agents::beat(&worker.site.desk, agent.id).await {
                tracing::warn!("a heartbeat could not be noted: {error}");
            }
        }
    }
}

/// Passes on that the work is to stop; never ends.
pub(super) async fn pass_on_stops(worker: &Worker, control: mpsc::Sender<Control>) {
    worker.stop.soft_requested().await;
    let _ = control.send(Control::Interrupt).await;
    worker.stop.hard_requested().await;
    let _ = control.send(Control::Kill).await;
    std::future::pending::<()>().await;
}

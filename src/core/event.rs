//! Events, for all clients that follow the event log.

use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

use super::ids::{AgentId, ProjectId, TaskId};
use super::money::MicroUsd;
use crate::agent::role::Role;

/// Something that happened; the names and payloads are those of the portal's WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", content = "payload")]
pub enum Event {
    /// A project was created.
    #[serde(rename = "project:created", rename_all = "camelCase")]
    ProjectCreated {
        project_id: ProjectId,
        name: String,
        client_name: String,
    },
    /// The status of a project changed.
    #[serde(rename = "project:status", rename_all = "camelCase")]
    ProjectStatus {
        project_id: ProjectId,
        status: String,
        progress: u32,
    },
    /// An agent started.
    #[serde(rename = "agent:spawned", rename_all = "camelCase")]
    AgentSpawned {
        project_id: ProjectId,
        agent_id: AgentId,
        agent_type: Role,
    },
    /// An agent works on a task.
    #[serde(rename = "agent:working", rename_all = "camelCase")]
    AgentWorking {
        agent_id: AgentId,
        task_id: TaskId,
        description: String,
    },
    /// An agent ended.
    #[serde(rename = "agent:completed", rename_all = "camelCase")]
    AgentCompleted {
        agent_id: AgentId,
        task_id: TaskId,
        result: String,
    },
    /// A task cannot continue. The agent is null if no agent works on the task.
    #[serde(rename = "agent:blocked", rename_all = "camelCase")]
    AgentBlocked {
        agent_id: Option<AgentId>,
        reason: String,
        needs_admin: bool,
    },
    /// The preview of a demo is ready.
    #[serde(rename = "demo:ready", rename_all = "camelCase")]
    DemoReady {
        project_id: ProjectId,
        demo_number: u32,
        preview_url: String,
    },
    /// The admin decided on a demo.
    #[serde(rename = "demo:approved", rename_all = "camelCase")]
    DemoApproved {
        project_id: ProjectId,
        demo_number: u32,
        decision: String,
    },
    /// A part of the budget is used up. Amounts are in micro-dollars.
    #[serde(rename = "budget:warning", rename_all = "camelCase")]
    BudgetWarning {
        project_id: ProjectId,
        spent: MicroUsd,
        limit: MicroUsd,
        percent: i64,
    },
    /// The budget is used up. Amounts are in micro-dollars.
    #[serde(rename = "budget:exceeded", rename_all = "camelCase")]
    BudgetExceeded {
        project_id: ProjectId,
        spent: MicroUsd,
        limit: MicroUsd,
    },
    /// A message for people.
    #[serde(rename = "notification", rename_all = "camelCase")]
    Notification {
        level: NotificationLevel,
        title: String,
        message: String,
        actions: Vec<String>,
    },
}

/// The importance of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Level")]
pub enum NotificationLevel {
    /// For information.
    Info,
    /// Work continues, but stops later if no person acts.
    Warning,
    /// Work has stopped until a person acts.
    Critical,
}

/// An event with its position in the order, as `eklavya events tail` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Event")]
pub struct StoredEvent {
    /// The position in the order: it rises with each event and is never reused.
    pub seq: i64,
    /// The time of the event.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The project of the event; null if the event belongs to no project.
    #[serde(rename = "projectId")]
    pub project: Option<ProjectId>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Returns the JSON schema of [`StoredEvent`] as it is written.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings
        .into_generator()
        .into_root_schema_for::<StoredEvent>();
    schema.to_value()
}

impl Event {
    /// Returns the event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Event::ProjectCreated { .. } => "project:created",
            Event::ProjectStatus { .. } => "project:status",
            Event::AgentSpawned { .. } => "agent:spawned",
            Event::AgentWorking { .. } => "agent:working",
            Event::AgentCompleted { .. } => "agent:completed",
            Event::AgentBlocked { .. } => "agent:blocked",
            Event::DemoReady { .. } => "demo:ready",
            Event::DemoApproved { .. } => "demo:approved",
            Event::BudgetWarning { .. } => "budget:warning",
            Event::BudgetExceeded { .. } => "budget:exceeded",
            Event::Notification { .. } => "notification",
        }
    }
}

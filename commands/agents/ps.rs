//! `eklavya agents ps`

use eklavya_core::agent::role::Role;
use eklavya_services::{agents, projects};
use eklavya_store::agents::NamedAgent;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output::{self, TableRow, time};

const EXAMPLES: &str = "\
Examples:
  eklavya agents ps
  eklavya agents ps shop --all --output jsonl";

/// List running agents
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AgentsPsArgs {
    /// Only list the agents of this project
    slug: Option<String>,

    /// Include agents that have ended
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentView {
    /// The full id; the command line also accepts a unique prefix.
    id: String,
    project: String,
    role: Role,
    task: String,
    status: &'static str,
    /// Process id on the host, while the agent has a process.
    pid: Option<u32>,
    attempt: u32,
    model: String,
    sandboxed: bool,
    /// Whether a rehearsal answers the agent instead of a model.
    rehearsal: bool,
    tokens_used: i64,
    created_at: Timestamp,
    last_heartbeat: Timestamp,
    #[serde(skip)]
    now: Timestamp,
}

pub fn exec(invocation: &CommandInvocation, args: &AgentsPsArgs) -> Result<(), CommandError> {
    let views = data_store::with_data_store(invocation, async |data| {
        let project = match &args.slug {
            Some(slug) => Some(projects::find(&data, slug).await?.id),
            None => None,
        };
        let found = agents::list_named(&data, project, !args.all).await?;
        let now = data.now();
        Ok(found
            .into_iter()
            .map(|named| AgentView::of(named, now))
            .collect::<Vec<_>>())
    })?;
    invocation.printer.list(&views, "No agents are running")
}

impl AgentView {
    fn of(named: NamedAgent, now: Timestamp) -> Self {
        let agent = named.agent;
        Self {
            id: agent.id.to_string(),
            project: named.project_slug,
            role: agent.role,
            task: named.task_key,
            status: agent.state.status(),
            pid: agent.pid,
            attempt: agent.attempt,
            model: agent.model,
            sandboxed: agent.sandboxed,
            rehearsal: agent.rehearsal,
            tokens_used: agent.tokens_used,
            created_at: agent.created_at,
            last_heartbeat: agent.last_heartbeat,
            now,
        }
    }
}

impl TableRow for AgentView {
    const COLUMNS: &'static [&'static str] = &[
        "agent",
        "project",
        "role",
        "task",
        "status",
        "pid",
        "age",
        "heartbeat",
        "sandbox",
        "model",
    ];

    fn cells(&self) -> Vec<String> {
        let model = if self.rehearsal {
            "rehearsal"
        } else {
            &self.model
        };
        vec![
            self.id.chars().take(8).collect(),
            self.project.clone(),
            self.role.to_string(),
            self.task.clone(),
            output::state_words(self.status),
            self.pid.map(|pid| pid.to_string()).unwrap_or_default(),
            time::format_elapsed(self.created_at, self.now),
            time::format_elapsed(self.last_heartbeat, self.now),
            if self.sandboxed { "yes" } else { "NO SANDBOX" }.to_owned(),
            model.to_owned(),
        ]
    }
}

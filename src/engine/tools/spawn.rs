//! The tool of an orchestrator: spawns an agent for a part of its task.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::arguments::parse_arguments;
use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_claude::mcp::{ToolDescription, ToolReply, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::agent::role::Role;
use eklavya_core::plan::document::BUILDERS;
use eklavya_core::task::Task;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_services::spawned_tasks::{MAX_SPAWNED, SpawnOutcome, SpawnRequest, spawn};

pub(crate) const SPAWN_AGENT: &str = "spawn_agent";
/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// The longest instructions, in characters.
const MAX_INSTRUCTIONS: usize = 20_000;

pub(super) struct SpawnTool {
    /// Dropped when the run ends.
    pub site: Weak<Site>,
    /// Wakes the scheduler for the new task.
    pub spawn_notify: Arc<Notify>,
    pub agent: Agent,
    /// The parent of the spawned tasks.
    pub task: Task,
}

/// The arguments of [`SPAWN_AGENT`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpawnAgentArguments {
    role: Role,
    title: String,
    instructions: String,
    #[serde(default)]
    criteria: Vec<String>,
}

/// Returns the roles that can be spawned: those that write files and spawn no agents.
fn spawnable_roles() -> Vec<Role> {
    let builders = BUILDERS.into_iter();
    builders
        .filter(|role| !role_policy(*role).may_spawn_agents())
        .collect()
}

fn find_role_problem(role: Role) -> Option<String> {
    let roles = spawnable_roles();
    if roles.contains(&role) {
        return None;
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let names = names.join(", ");
    Some(format!("a {role} cannot be spawned; these can: {names}"))
}

impl SpawnAgentArguments {
    fn find_problem(&self, own: &[String]) -> Option<String> {
        if let Some(problem) = find_role_problem(self.role) {
            return Some(problem);
        }
        let title = self.title.trim();
        if title.is_empty() || title.contains('\n') || title.chars().count() > MAX_TITLE {
            return Some(format!(
                "`title` is one line of 1 to {MAX_TITLE} characters"
            ));
        }
        let words = self.instructions.trim().chars().count();
        if !(1..=MAX_INSTRUCTIONS).contains(&words) {
            return Some(format!(
                "`instructions` has 1 to {MAX_INSTRUCTIONS} characters"
            ));
        }
        let unknown = self.criteria.iter().find(|id| !own.contains(id))?;
        Some(format!(
            "{unknown:?} is not a criterion of your own task; the criteria are: {}",
            own.join(", ")
        ))
    }

    fn into_spawn_request(self) -> SpawnRequest {
        SpawnRequest {
            role: self.role,
            title: self.title.trim().to_owned(),
            description: self.instructions.trim().to_owned(),
            criteria: self.criteria,
        }
    }
}

impl SpawnTool {
    async fn spawn_task(
        &self,
        site: &Site,
        request: SpawnAgentArguments,
    ) -> Result<ToolReply, EngineError> {
        let (data, project) = (&site.data, site.project());
        let by = (self.agent.id, &self.task);
        Ok(
            match spawn(data, project, by, request.into_spawn_request()).await? {
                SpawnOutcome::Task(task) => {
                    self.spawn_notify.notify_one();
                    let reply = json!({ "task": task.key, "role": task.role, "status": task.state.status() });
                    ToolReply::ok(reply.to_string())
                }
                SpawnOutcome::TooMany => ToolReply::error(format!(
                    "{MAX_SPAWNED} agents were spawned for this task, which is the limit"
                )),
                SpawnOutcome::TaskNotRunning => ToolReply::error("you no longer work on this task"),
            },
        )
    }
}

impl ToolServer for SpawnTool {
    fn tools(&self) -> Vec<ToolDescription> {
        let roles = spawnable_roles();
        vec![ToolDescription {
            name: SPAWN_AGENT.to_owned(),
            description: format!(
                "Spawns another agent for a part of your task, in its own clone of main, and \
                 returns the key of its task. The agent starts as soon as there is room, and \
                 knows only the plan and your instructions. Its work is tested and merged like \
                 any other; tasks that depend on your task wait for it, too. You do not wait: \
                 finish when everything is handed out. At most {MAX_SPAWNED} agents."
            ),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "role": {"type": "string", "enum": roles},
                    "title": {"type": "string", "description": "One line."},
                    "instructions": {"type": "string", "description":
                        "What to build, in which files, with which interfaces, and what to test."},
                    "criteria": {"type": "array", "items": {"type": "string"},
                        "description": "Ids of the criteria of your task that the part serves."},
                },
                "required": ["role", "title", "instructions"],
                "additionalProperties": false,
            }),
        }]
    }

    fn call<'a>(&'a self, _: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            let takes = "{\"role\": …, \"title\": …, \"instructions\": …}";
            let request: SpawnAgentArguments = match parse_arguments(SPAWN_AGENT, takes, arguments)
            {
                Ok(request) => request,
                Err(reply) => return reply,
            };
            if let Some(problem) = request.find_problem(&self.task.criteria) {
                return ToolReply::error(problem);
            }
            let Some(site) = self.site.upgrade() else {
                return ToolReply::error("the run is being stopped");
            };
            let ran = self.spawn_task(&site, request).await;
            ran.unwrap_or_else(|error| {
                ToolReply::error(format!("could not spawn the agent: {error}"))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: &Value) -> Option<String> {
        let mut request =
            json!({ "role": "developer", "title": "Menu", "instructions": "Write it." });
        for (name, value) in change.as_object().unwrap() {
            request[name] = value.clone();
        }
        let request = SpawnAgentArguments::deserialize(request).unwrap();
        request.find_problem(&["C1".to_owned()])
    }

    #[test]
    fn invalid_spawn_requests_are_refused_with_a_reason() {
        assert_eq!(problem(&json!({ "criteria": ["C1"] })), None);
        for (change, why) in [
            (json!({ "role": "orchestrator" }), "cannot be spawned"),
            (
                json!({ "role": "qa" }),
                "cannot be spawned; these can: architect, developer",
            ),
            (json!({ "title": " " }), "one line"),
            (json!({ "title": "a\nb" }), "one line"),
            (json!({ "instructions": "" }), "has 1 to"),
            (
                json!({ "instructions": "x".repeat(MAX_INSTRUCTIONS + 1) }),
                "has 1 to",
            ),
            (json!({ "criteria": ["C2"] }), "criteria are: C1"),
        ] {
            let found = problem(&change).unwrap_or_default();
            assert!(found.contains(why), "{change}: {found}");
        }
    }
}

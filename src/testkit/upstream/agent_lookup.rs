//! Finds the agent of a request: the endpoint sees only the conversation, and the database has the
//! agent.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use eklavya_core::ids::{AgentId, ProjectId, TaskId};
use eklavya_gateway::{DoorSpec, EgressPolicy};
use serde_json::Value;
use uuid::Uuid;

use crate::install::database::DatabaseAddress;

/// The pause between attempts to reach the database.
const PAUSE: Duration = Duration::from_millis(50);

/// The agents in a database.
pub struct AgentLookup {
    database: Mutex<DatabaseAddress>,
}

impl AgentLookup {
    /// Returns the agents in `database`.
    pub fn of(database: DatabaseAddress) -> Self {
        Self {
            database: Mutex::new(database),
        }
    }

    /// Looks for agents in the database at `url` from now on.
    pub fn look_in(&self, url: &str) {
        *self.database.lock().unwrap() = DatabaseAddress::Server(url.to_owned());
    }

    /// Returns the door of the last agent of a conversation. Waits while the database does not
    /// answer.
    pub async fn find_caller(&self, session: &str) -> DoorSpec {
        let session: Uuid = session.parse().unwrap();
        loop {
            match self.try_find_caller(session).await {
                Ok(spec) => return spec,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn try_find_caller(&self, session: Uuid) -> Result<DoorSpec, sqlx::Error> {
        let database = self.database.lock().unwrap().clone();
        let id = match &database {
            DatabaseAddress::File(_) => format!("x'{}'", session.simple()),
            DatabaseAddress::Server(_) => format!("'{session}'"),
        };
        let sql = format!(
            "SELECT a.id, a.project_id, a.task_id, a.role, a.attempt, a.working_dir, t.key, p.slug, \
             p.name FROM agents a JOIN tasks t ON t.id = a.task_id \
             JOIN projects p ON p.id = a.project_id WHERE a.session_id = {id} \
             ORDER BY a.created_at DESC LIMIT 1"
        );
        let rows = database.open().await?.rows(&sql).await?;
        let [row] = &rows[..] else {
            panic!("no agent has the conversation {session}");
        };
        Ok(parse_door_spec(row))
    }
}

fn parse_door_spec(row: &[String]) -> DoorSpec {
    let [
        agent,
        project,
        task,
        role,
        attempt,
        directory,
        key,
        slug,
        name,
    ] = row
    else {
        panic!("{row:?}");
    };
    let demo = key.strip_prefix("demo-").unwrap_or_default();
    let variables = [
        ("project", name.clone()),
        ("demo", demo.to_owned()),
        ("clone", format!("{directory}/clone")),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    DoorSpec {
        project: ProjectId(project.parse().unwrap()),
        slug: slug.clone(),
        task: TaskId(task.parse().unwrap()),
        task_key: key.clone(),
        agent: AgentId(agent.parse().unwrap()),
        role: role.parse().unwrap(),
        attempt: attempt.parse().unwrap(),
        socket_dir: directory.into(),
        owner: None,
        variables: BTreeMap::from(variables),
        egress_policy: EgressPolicy::ModelOnly,
    }
}

/// Returns the conversation of a request, which is in the JSON text of the CLI's
/// `metadata.user_id`. A request that an agent sent without the CLI has none.
pub fn session_id(request: &Value) -> Option<String> {
    let user = request["metadata"]["user_id"].as_str()?;
    let user: Value = serde_json::from_str(user).unwrap();
    Some(user["session_id"].as_str().unwrap().to_owned())
}

//! Who is asking: the endpoint sees only a conversation, the database knows whose it is.

use std::collections::BTreeMap;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use eklavya::domain::ids::{AgentId, ProjectId, TaskId};
use eklavya::gateway::DoorSpec;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use uuid::Uuid;

/// The agents of a data directory, or of the server that it uses.
pub struct Callers {
    home: Utf8PathBuf,
    server: Mutex<Option<String>>,
}

/// Reads the same columns from a row of either database.
macro_rules! door_of {
    ($row:expr) => {{
        let row = $row;
        let text = |name: &str| row.get::<String, _>(name);
        let key = text("key");
        let demo = key.strip_prefix("demo-").unwrap_or_default().to_owned();
        let variables = BTreeMap::from([
            ("project".to_owned(), text("name")),
            ("demo".to_owned(), demo),
            ("clone".to_owned(), format!("{}/clone", text("working_dir"))),
        ]);
        DoorSpec {
            project: ProjectId(row.get("project_id")),
            slug: text("slug"),
            task: TaskId(row.get("task_id")),
            task_key: key,
            agent: AgentId(row.get("id")),
            role: text("role").parse().unwrap(),
            attempt: u32::try_from(row.get::<i64, _>("attempt")).unwrap(),
            socket_dir: text("working_dir").into(),
            owner: None,
            variables,
        }
    }};
}

impl Callers {
    /// Returns the agents of the data directory `home`.
    pub fn of(home: &Utf8Path) -> Self {
        Self {
            home: home.to_owned(),
            server: Mutex::default(),
        }
    }

    /// Looks for agents in the database at `url` from now on.
    pub fn are_at(&self, url: &str) {
        *self.server.lock().unwrap() = Some(url.to_owned());
    }

    /// Returns the last agent of a conversation, as its door knows it.
    pub async fn find(&self, session: &str) -> DoorSpec {
        const SQL: &str = "SELECT a.id, a.project_id, a.task_id, a.role, a.attempt, a.working_dir, \
            t.key, p.slug, p.name FROM agents a JOIN tasks t ON t.id = a.task_id \
            JOIN projects p ON p.id = a.project_id WHERE a.session_id = $1 \
            ORDER BY a.created_at DESC LIMIT 1";
        let session: Uuid = session.parse().unwrap();
        let server = self.server.lock().unwrap().clone();
        if let Some(url) = server {
            let mut database = PgConnection::connect(&url).await.unwrap();
            let found = sqlx::query(SQL).bind(session).fetch_one(&mut database);
            return door_of!(found.await.unwrap());
        }
        let mut database = SqliteConnectOptions::new()
            .filename(self.home.join("eklavya.db"))
            .read_only(true)
            .connect()
            .await
            .unwrap();
        let found = sqlx::query(SQL).bind(session).fetch_one(&mut database);
        door_of!(found.await.unwrap())
    }
}

/// Returns the conversation that a request belongs to: the CLI's `metadata.user_id` is a JSON text
/// with it. A request that an agent sent past the CLI has none.
pub fn session_of(request: &Value) -> Option<String> {
    let user = request["metadata"]["user_id"].as_str()?;
    let user: Value = serde_json::from_str(user).unwrap();
    Some(user["session_id"].as_str().unwrap().to_owned())
}

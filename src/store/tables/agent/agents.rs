//! The `agents` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};
use jiff::Timestamp;

use crate::params;
use eklavya_core::agent::Agent;
use eklavya_core::ids::{AgentId, ProjectId, SessionId, TaskId};

const TABLE: &str = "agents";

/// An agent with the names of its project and task.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedAgent {
    pub agent: Agent,
    pub project_slug: String,
    /// Empty if the task does not exist.
    pub task_key: String,
}

pub async fn insert(tx: &mut SqlTransaction, agent: &Agent) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO agents (id, project_id, task_id, role, status, state, pid, \
        working_dir, session_id, attempt, sandboxed, rehearsal, model, worker, tokens_used, \
        last_heartbeat, version, created_at, fence, host, process_start) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
        $19, $20, $21)";
    let values = params![
        agent.id.0,
        agent.project.0,
        agent.task.0,
        agent.role.name(),
        agent.state.status(),
        crate::to_json(&agent.state),
        agent.pid,
        &agent.working_dir,
        agent.session.0,
        agent.attempt,
        agent.sandboxed,
        agent.rehearsal,
        &agent.model,
        &agent.worker,
        agent.tokens_used,
        agent.last_heartbeat,
        agent.version,
        agent.created_at,
        agent.fence,
        &agent.host,
        agent.process_start,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Updates an agent's state from the version that was read; false if another process changed it
/// first.
pub async fn update(tx: &mut SqlTransaction, agent: &Agent) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE agents SET status = $1, state = $2, pid = $3, last_heartbeat = $4, \
        process_start = $7, version = version + 1 WHERE id = $5 AND version = $6";
    let values = params![
        agent.state.status(),
        crate::to_json(&agent.state),
        agent.pid,
        agent.last_heartbeat,
        agent.id.0,
        agent.version,
        agent.process_start,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Records a heartbeat. It does not change the state, so the version stays.
pub async fn record_heartbeat(
    tx: &mut SqlTransaction,
    id: AgentId,
    at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE agents SET last_heartbeat = $1 WHERE id = $2";
    tx.execute(SQL, params![at, id.0]).await.map(|_| ())
}

/// Adds to the tokens that an agent has used.
pub async fn add_tokens(
    tx: &mut SqlTransaction,
    id: AgentId,
    tokens: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE agents SET tokens_used = tokens_used + $1 WHERE id = $2";
    let tokens = tokens.min(crate::tables::cost::ledger::MAX_TOKENS);
    tx.execute(SQL, params![tokens, id.0]).await.map(|_| ())
}

pub async fn by_id(tx: &mut SqlTransaction, id: AgentId) -> Result<Option<Agent>, StoreError> {
    const SQL: &str = "SELECT * FROM agents WHERE id = $1";
    tx.fetch_optional(SQL, params![id.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns the agents whose id starts with these hexadecimal digits (hyphens are ignored).
pub async fn by_prefix(tx: &mut SqlTransaction, prefix: &str) -> Result<Vec<Agent>, StoreError> {
    let digits: String = prefix
        .chars()
        .filter(|c| *c != '-')
        .collect::<String>()
        .to_lowercase();
    let all = all(tx).await?;
    Ok(all
        .into_iter()
        .filter(|a| a.id.0.simple().to_string().starts_with(&digits))
        .collect())
}

/// Returns all agents, oldest first.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<Agent>, StoreError> {
    const SQL: &str = "SELECT * FROM agents ORDER BY created_at, id";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns all agents of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Agent>, StoreError> {
    const SQL: &str = "SELECT * FROM agents WHERE project_id = $1 ORDER BY created_at, id";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Expands to a statement that finds agents with their names, ordered by project and oldest first.
macro_rules! named_agents {
    ($condition:literal) => {
        concat!(
            "SELECT a.*, p.slug AS project_slug, t.key AS task_key FROM agents a \
            JOIN projects p ON p.id = a.project_id LEFT JOIN tasks t ON t.id = a.task_id ",
            $condition,
            " ORDER BY p.number, a.created_at, a.id"
        )
    };
}

/// Returns the agents of all projects with their names, or only those that have not ended.
pub async fn all_named(
    tx: &mut SqlTransaction,
    only_live: bool,
) -> Result<Vec<NamedAgent>, StoreError> {
    const ALL: &str = named_agents!("");
    const LIVE: &str = named_agents!("WHERE a.status IN ('starting', 'running')");
    let sql = if only_live { LIVE } else { ALL };
    let found = tx.fetch_all(sql, params![]).await?;
    found.iter().map(read_named).collect()
}

/// Returns the agents of a project with their names, or only those that have not ended.
pub async fn named_of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
    only_live: bool,
) -> Result<Vec<NamedAgent>, StoreError> {
    const ALL: &str = named_agents!("WHERE a.project_id = $1");
    const LIVE: &str =
        named_agents!("WHERE a.project_id = $1 AND a.status IN ('starting', 'running')");
    let sql = if only_live { LIVE } else { ALL };
    let found = tx.fetch_all(sql, params![project.0]).await?;
    found.iter().map(read_named).collect()
}

/// Returns the agents that have a process on a host, of all projects, oldest first.
pub async fn with_process(tx: &mut SqlTransaction, host: &str) -> Result<Vec<Agent>, StoreError> {
    const SQL: &str =
        "SELECT * FROM agents WHERE host = $1 AND pid IS NOT NULL ORDER BY created_at, id";
    tx.fetch_all(SQL, params![host])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Records that the process of an agent is gone. It does not change the state, so the version
/// stays.
pub async fn clear_process(tx: &mut SqlTransaction, id: AgentId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE agents SET pid = NULL, process_start = NULL WHERE id = $1";
    tx.execute(SQL, params![id.0]).await.map(|_| ())
}

fn read_named(record: &DatabaseRow) -> Result<NamedAgent, StoreError> {
    let row = record.reader(TABLE);
    Ok(NamedAgent {
        agent: read(record)?,
        project_slug: row.text("project_slug")?,
        task_key: row.opt_text("task_key")?.unwrap_or_default(),
    })
}

fn read(record: &DatabaseRow) -> Result<Agent, StoreError> {
    let row = record.reader(TABLE);
    let pid = row.opt_int("pid")?;
    Ok(Agent {
        id: AgentId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        task: TaskId(row.id("task_id")?),
        role: row.parse("role")?,
        state: row.json("state")?,
        pid: pid.map(|_| row.uint("pid")).transpose()?,
        process_start: row.opt_int("process_start")?,
        host: row.text("host")?,
        working_dir: row.text("working_dir")?,
        session: SessionId(row.id("session_id")?),
        attempt: row.uint("attempt")?,
        sandboxed: row.flag("sandboxed")?,
        rehearsal: row.flag("rehearsal")?,
        model: row.text("model")?,
        worker: row.text("worker")?,
        fence: row.int("fence")?,
        tokens_used: row.int("tokens_used")?,
        last_heartbeat: row.timestamp("last_heartbeat")?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
    })
}

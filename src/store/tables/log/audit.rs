//! The `audit_logs` table, append-only and chained, and `audit_chains` with the head of each chain.
//! Triggers protect both.

use jiff::Timestamp;
use uuid::Uuid;

use crate::params;
use crate::{DatabaseRow, RowReader, SqlDialect, SqlTransaction, StoreError};
use eklavya_core::audit::{AuditEntry, AuditHash, ChainHead, RowContent};
use eklavya_core::ids::{AgentId, ProjectId};

pub(crate) const TABLE: &str = "audit_logs";
const CHAINS: &str = "audit_chains";

/// A stored entry of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAuditEntry {
    /// Its position among the entries of all chains.
    pub id: i64,
    /// The project's id, or the installation's id for its own chain.
    pub chain: Uuid,
    /// Its position in the chain, from 1, without gaps.
    pub position: i64,
    /// The hash of the previous entry of the chain.
    pub previous_hash: String,
    pub hash: String,
    pub content: RowContent,
}

/// An entry as stored, which may have been tampered with.
#[derive(Debug)]
pub struct UnverifiedAuditEntry {
    pub id: i64,
    pub position: i64,
    /// The hash of the previous entry.
    pub previous_hash: String,
    pub hash: String,
    /// The content, or why it cannot be read.
    pub content: Result<RowContent, StoreError>,
}

/// Appends entries, chain by chain: the installation's first, then the projects' by their ids. All
/// writers use this order, which avoids deadlocks.
///
/// The head of a chain stays locked until the transaction ends.
pub async fn append(
    tx: &mut SqlTransaction,
    entries: &[AuditEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut ordered: Vec<&AuditEntry> = entries.iter().collect();
    ordered.sort_by_key(|entry| entry.project);
    for chain in ordered.chunk_by(|one, next| one.project == next.project) {
        let mut head = lock_head(tx, chain[0].project).await?;
        for entry in chain {
            let content = RowContent {
                at: now,
                project: entry.project,
                agent: entry.agent,
                actor: entry.actor.to_string(),
                action: entry.action.clone(),
                details: entry.details.clone(),
            };
            head = insert(tx, head, content, None).await?;
        }
    }
    Ok(())
}

/// Inserts the entry that follows `before`, with the id `id` or the next one, and returns the new
/// head, which a trigger stores.
pub(crate) async fn insert(
    tx: &mut SqlTransaction,
    before: ChainHead,
    content: RowContent,
    id: Option<i64>,
) -> Result<ChainHead, StoreError> {
    const NEXT: &str = "INSERT INTO audit_logs (chain, position, previous_hash, hash, timestamp, \
        project_id, agent_id, actor, action, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const SQLITE: &str = "INSERT INTO audit_logs (chain, position, previous_hash, hash, timestamp, \
        project_id, agent_id, actor, action, details, id) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    const POSTGRES: &str = "INSERT INTO audit_logs (chain, position, previous_hash, hash, timestamp, \
        project_id, agent_id, actor, action, details, id) OVERRIDING SYSTEM VALUE \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let head = before.next(&content);
    let mut values = params![
        head.chain,
        head.position,
        before.hash.to_string(),
        head.hash.to_string(),
        content.at,
        content.project.map(|p| p.0),
        content.agent.map(|a| a.0),
        content.actor,
        content.action,
        content.details,
    ];
    values.extend(id.map(Into::into));
    let sql = match (id, tx.dialect()) {
        (None, _) => NEXT,
        (Some(_), SqlDialect::Sqlite) => SQLITE,
        (Some(_), SqlDialect::Postgres) => POSTGRES,
    };
    tx.execute(sql, values).await?;
    Ok(head)
}

/// Locks the head of a project's chain, or of the installation's, until the transaction ends, and
/// returns it. Starts the chain if it does not exist.
pub(crate) async fn lock_head(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
) -> Result<ChainHead, StoreError> {
    const BEGIN: &str = "INSERT INTO audit_chains (chain, project_id, position) VALUES ($1, $2, 0) \
        ON CONFLICT DO NOTHING";
    if let Some(head) = find_head_locked(tx, project).await? {
        return Ok(head);
    }
    let chain = project.map_or_else(Uuid::new_v4, |project| project.0);
    let values = params![chain, project.map(|p| p.0)];
    tx.execute(BEGIN, values).await?;
    let head = find_head_locked(tx, project).await?;
    head.ok_or_else(|| missing_chain(chain))
}

async fn find_head_locked(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
) -> Result<Option<ChainHead>, StoreError> {
    const PROJECT: &str = "SELECT * FROM audit_chains WHERE project_id = $1";
    const PROJECT_LOCKED: &str = "SELECT * FROM audit_chains WHERE project_id = $1 FOR UPDATE";
    const OWN: &str = "SELECT * FROM audit_chains WHERE project_id IS NULL";
    const OWN_LOCKED: &str = "SELECT * FROM audit_chains WHERE project_id IS NULL FOR UPDATE";
    let sql = match (project, tx.dialect()) {
        (Some(_), SqlDialect::Sqlite) => PROJECT,
        (Some(_), SqlDialect::Postgres) => PROJECT_LOCKED,
        (None, SqlDialect::Sqlite) => OWN,
        (None, SqlDialect::Postgres) => OWN_LOCKED,
    };
    find_head(tx, sql, project).await
}

/// Returns the head of a project's chain, or of the installation's, if the chain exists.
pub async fn head_of_project(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
) -> Result<Option<ChainHead>, StoreError> {
    const PROJECT: &str = "SELECT * FROM audit_chains WHERE project_id = $1";
    const OWN: &str = "SELECT * FROM audit_chains WHERE project_id IS NULL";
    let sql = if project.is_some() { PROJECT } else { OWN };
    find_head(tx, sql, project).await
}

async fn find_head(
    tx: &mut SqlTransaction,
    sql: &'static str,
    project: Option<ProjectId>,
) -> Result<Option<ChainHead>, StoreError> {
    let values = project
        .map(|project| project.0.into())
        .into_iter()
        .collect();
    tx.fetch_optional(sql, values)
        .await?
        .as_ref()
        .map(read_head)
        .transpose()
}

/// Returns the id of the installation, which is the id of its own chain.
pub async fn installation_id(tx: &mut SqlTransaction) -> Result<Uuid, StoreError> {
    let own = head_of_project(tx, None).await?;
    own.map(|head| head.chain)
        .ok_or_else(|| missing_chain(Uuid::nil()))
}

/// Returns the ids of all chains that have a head or an entry.
pub async fn list_chains(tx: &mut SqlTransaction) -> Result<Vec<Uuid>, StoreError> {
    const SQL: &str =
        "SELECT chain FROM audit_chains UNION SELECT chain FROM audit_logs ORDER BY chain";
    let records = tx.fetch_all(SQL, params![]).await?;
    records
        .iter()
        .map(|record| record.reader(CHAINS).id("chain"))
        .collect()
}

/// Returns the stored head of a chain, if any; a damaged head is an error.
pub async fn head_of_chain(
    tx: &mut SqlTransaction,
    chain: Uuid,
) -> Result<Option<ChainHead>, StoreError> {
    const SQL: &str = "SELECT * FROM audit_chains WHERE chain = $1";
    tx.fetch_optional(SQL, params![chain])
        .await?
        .as_ref()
        .map(read_head)
        .transpose()
}

/// Returns at most `limit` entries of a chain after `(position, id)`, in order.
pub async fn read_page(
    tx: &mut SqlTransaction,
    chain: Uuid,
    after: (i64, i64),
    limit: u32,
) -> Result<Vec<UnverifiedAuditEntry>, StoreError> {
    const SQL: &str = "SELECT * FROM audit_logs WHERE chain = $1 AND position >= $2 \
        AND (position > $2 OR id > $3) ORDER BY position, id LIMIT $4";
    let values = params![chain, after.0, after.1, limit];
    tx.fetch_all(SQL, values)
        .await?
        .iter()
        .map(read_unverified)
        .collect()
}

/// Selects entries.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this chain.
    pub chain: Option<Uuid>,
    /// Only of this agent.
    pub agent: Option<AgentId>,
    /// Only with this prefix of the action.
    pub action: Option<String>,
    /// Only at this time or later.
    pub since: Option<Timestamp>,
    /// Only after this position in their chain.
    pub after: Option<i64>,
    /// At most this many, the newest.
    pub limit: Option<u32>,
}

/// Returns the entries that a filter selects, oldest first.
pub async fn list(
    tx: &mut SqlTransaction,
    filter: &AuditFilter,
) -> Result<Vec<StoredAuditEntry>, StoreError> {
    // PostgreSQL infers the type of a parameter from its first use.
    const SQL: &str = "SELECT * FROM audit_logs WHERE (chain = $1 OR $1 IS NULL) \
        AND (agent_id = $2 OR $2 IS NULL) \
        AND substr(action, 1, length(CAST($3 AS TEXT))) = CAST($3 AS TEXT) \
        AND timestamp >= $4 AND position > $5 ORDER BY id DESC LIMIT $6";
    let values = params![
        filter.chain,
        filter.agent.map(|agent| agent.0),
        filter.action.as_deref().unwrap_or_default(),
        filter.since.unwrap_or(Timestamp::MIN),
        filter.after.unwrap_or(0),
        filter.limit.map_or(i64::MAX, i64::from),
    ];
    let newest_first = tx.fetch_all(SQL, values).await?;
    newest_first.iter().rev().map(read).collect()
}

/// Returns the audit trail of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<StoredAuditEntry>, StoreError> {
    const SQL: &str = "SELECT * FROM audit_logs WHERE chain = $1 ORDER BY position";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn missing_chain(chain: Uuid) -> StoreError {
    StoreError::Corrupt {
        table: CHAINS,
        column: "chain",
        id: chain.to_string(),
        reason: "the chain of the audit trail does not exist".to_owned(),
    }
}

fn read_head(record: &DatabaseRow) -> Result<ChainHead, StoreError> {
    let row = record.reader(CHAINS);
    let chain = row.id("chain")?;
    let empty = ChainHead::of_empty(chain);
    match row.int("position")? {
        0 => Ok(empty),
        position => Ok(ChainHead {
            chain,
            position,
            hash: row.parse::<AuditHash>("hash")?,
        }),
    }
}

fn read(record: &DatabaseRow) -> Result<StoredAuditEntry, StoreError> {
    let row = record.reader(TABLE);
    Ok(StoredAuditEntry {
        id: row.int("id")?,
        chain: row.id("chain")?,
        position: row.int("position")?,
        previous_hash: row.text("previous_hash")?,
        hash: row.text("hash")?,
        content: read_content(&row)?,
    })
}

fn read_unverified(record: &DatabaseRow) -> Result<UnverifiedAuditEntry, StoreError> {
    let row = record.reader(TABLE);
    Ok(UnverifiedAuditEntry {
        id: row.int("id")?,
        position: row.int("position")?,
        previous_hash: row.text("previous_hash")?,
        hash: row.text("hash")?,
        content: read_content(&row),
    })
}

pub(crate) fn read_content(row: &RowReader<'_>) -> Result<RowContent, StoreError> {
    Ok(RowContent {
        at: row.timestamp("timestamp")?,
        project: row.opt_id("project_id")?.map(ProjectId),
        agent: row.opt_id("agent_id")?.map(AgentId),
        actor: row.text("actor")?,
        action: row.text("action")?,
        details: row.json("details")?,
    })
}

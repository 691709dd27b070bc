//! Bringing an audit trail of before the chains into chains, within the transaction of its migration.

use std::collections::HashMap;

use serde_json::json;

use super::audit::{TABLE, append, content, insert, lock_head};
use super::{Dialect, StoreError, Tx};
use crate::params;
use eklavya_core::domain::audit::{Actor, AuditEntry};

/// Lines that are read at a time.
const BATCH: i64 = 500;

/// Moves every line of `audit_logs_unchained`, in the order of ids, to its chain in `audit_logs`
/// under the same id, and drops the old table. Nothing happens where it is not there.
pub(super) async fn chain_old_lines(tx: &mut Tx) -> Result<(), StoreError> {
    const SQL: &str = "SELECT * FROM audit_logs_unchained WHERE id > $1 ORDER BY id LIMIT $2";
    if !is_needed(tx).await? {
        return Ok(());
    }
    let (mut heads, mut last) = (HashMap::new(), 0);
    loop {
        let records = tx.fetch_all(SQL, params![last, BATCH]).await?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            let row = record.of(TABLE);
            let content = content(&row)?;
            last = row.int("id")?;
            let project = content.project;
            let head = match heads.get(&project) {
                Some(head) => *head,
                None => lock_head(tx, project).await?,
            };
            let head = insert(tx, head, content, Some(last)).await?;
            heads.insert(project, head);
        }
    }
    finish(tx, last).await
}

/// Notes that the schema was brought up to date. The store has no clock: the database says when.
pub(super) async fn note_upgrade(tx: &mut Tx, from: i64, to: i64) -> Result<(), StoreError> {
    const SQLITE: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS timestamp";
    const POSTGRES: &str =
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS timestamp";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let Some(record) = tx.fetch_optional(sql, params![]).await? else {
        return Ok(());
    };
    let now = record.of(TABLE).moment("timestamp")?;
    let entry = AuditEntry {
        project: None,
        agent: None,
        actor: Actor::System,
        action: "store.upgrade".to_owned(),
        details: json!({ "from": from, "to": to }),
    };
    append(tx, &[entry], now).await
}

async fn is_needed(tx: &mut Tx) -> Result<bool, StoreError> {
    const SQLITE: &str = "SELECT 1 FROM sqlite_master WHERE name = 'audit_logs_unchained'";
    const POSTGRES: &str = "SELECT 1 WHERE to_regclass('audit_logs_unchained') IS NOT NULL";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    Ok(tx.fetch_optional(sql, params![]).await?.is_some())
}

/// Goes on with the ids where the old table ended: SQLite does by itself.
async fn finish(tx: &mut Tx, last: i64) -> Result<(), StoreError> {
    const GO_ON: &str = "SELECT setval(pg_get_serial_sequence('audit_logs', 'id'), $1)";
    const DROP: &str = "DROP TABLE audit_logs_unchained";
    if last > 0 && tx.dialect() == Dialect::Postgres {
        tx.fetch_optional(GO_ON, params![last]).await?;
    }
    tx.execute(DROP, params![]).await.map(|_| ())
}

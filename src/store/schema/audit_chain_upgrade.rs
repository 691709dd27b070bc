//! Converts an audit trail without hash chains, within the transaction of its migration.

use std::collections::HashMap;

use serde_json::json;

use crate::params;
use crate::tables::log::audit::{TABLE, append, insert, lock_head, read_content};
use crate::{SqlDialect, SqlTransaction, StoreError};
use eklavya_core::audit::{AuditActor, AuditEntry};

/// Entries per query.
const BATCH: i64 = 500;

/// Moves every entry of `audit_logs_unchained`, in the order of ids, to its chain in `audit_logs`
/// under the same id, and drops the old table. Does nothing if that table does not exist.
pub(crate) async fn chain_old_entries(tx: &mut SqlTransaction) -> Result<(), StoreError> {
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
            let row = record.reader(TABLE);
            let content = read_content(&row)?;
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
    drop_old_table(tx, last).await
}

/// Records the schema upgrade. The store has no clock, so the database supplies the time.
pub(crate) async fn record_upgrade(
    tx: &mut SqlTransaction,
    from: i64,
    to: i64,
) -> Result<(), StoreError> {
    const SQLITE: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS timestamp";
    const POSTGRES: &str =
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS timestamp";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let Some(record) = tx.fetch_optional(sql, params![]).await? else {
        return Ok(());
    };
    let now = record.reader(TABLE).timestamp("timestamp")?;
    let entry = AuditEntry {
        project: None,
        agent: None,
        actor: AuditActor::System,
        action: "store.upgrade".to_owned(),
        details: json!({ "from": from, "to": to }),
    };
    append(tx, &[entry], now).await
}

async fn is_needed(tx: &mut SqlTransaction) -> Result<bool, StoreError> {
    const SQLITE: &str = "SELECT 1 FROM sqlite_master WHERE name = 'audit_logs_unchained'";
    const POSTGRES: &str = "SELECT 1 WHERE to_regclass('audit_logs_unchained') IS NOT NULL";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    Ok(tx.fetch_optional(sql, params![]).await?.is_some())
}

/// Continues with the ids of the old table; SQLite does that itself.
async fn drop_old_table(tx: &mut SqlTransaction, last: i64) -> Result<(), StoreError> {
    const GO_ON: &str = "SELECT setval(pg_get_serial_sequence('audit_logs', 'id'), $1)";
    const DROP: &str = "DROP TABLE audit_logs_unchained";
    if last > 0 && tx.dialect() == SqlDialect::Postgres {
        tx.fetch_optional(GO_ON, params![last]).await?;
    }
    tx.execute(DROP, params![]).await.map(|_| ())
}

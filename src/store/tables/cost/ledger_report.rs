//! Sums over the `ledger` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};

use crate::params;
use eklavya_core::ids::ProjectId;
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;

const TABLE: &str = "ledger";

/// How settled entries are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerGrouping {
    Total,
    Role,
    /// The task's key.
    Task,
    /// The agent's id.
    Agent,
    /// The requested model.
    Model,
    /// Days since the Unix epoch, UTC.
    Day,
}

/// The sum over a group of settled entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSum {
    pub key: String,
    pub requests: u64,
    pub spent: MicroUsd,
    /// How many were settled at their upper bound.
    pub upper_bounds: u64,
    /// How many used a model that the price list lacks.
    pub unknown_models: u64,
    /// How many were answered by a rehearsal.
    pub rehearsals: u64,
    pub usage: TokenUsage,
}

macro_rules! sums {
    ($key:literal, $from:literal) => {
        concat!(
            "SELECT ",
            $key,
            " AS group_key, COUNT(*) AS requests, \
             CAST(SUM(l.settled_micros) AS BIGINT) AS spent, \
             SUM(CASE WHEN l.upper_bound THEN 1 ELSE 0 END) AS upper_bounds, \
             SUM(CASE WHEN l.unknown_model THEN 1 ELSE 0 END) AS unknown_models, \
             SUM(CASE WHEN l.rehearsal THEN 1 ELSE 0 END) AS rehearsals, \
             CAST(SUM(l.input_tokens) AS BIGINT) AS input_tokens, \
             CAST(SUM(l.output_tokens) AS BIGINT) AS output_tokens, \
             CAST(SUM(l.cache_read_tokens) AS BIGINT) AS cache_read_tokens, \
             CAST(SUM(l.cache_write_5m_tokens) AS BIGINT) AS cache_write_5m_tokens, \
             CAST(SUM(l.cache_write_1h_tokens) AS BIGINT) AS cache_write_1h_tokens, \
             CAST(SUM(l.web_searches) AS BIGINT) AS web_searches FROM ",
            $from,
            " WHERE l.project_id = $1 AND l.status = 'settled' GROUP BY 1 ORDER BY 1"
        )
    };
}

/// Returns the sums of a project's settled entries, ordered by group.
pub async fn sum_settled(
    tx: &mut SqlTransaction,
    project: ProjectId,
    grouping: LedgerGrouping,
) -> Result<Vec<LedgerSum>, StoreError> {
    let sql = match grouping {
        LedgerGrouping::Total => sums!("'total'", "ledger l"),
        LedgerGrouping::Role => sums!("l.role", "ledger l"),
        LedgerGrouping::Task => sums!("t.key", "ledger l JOIN tasks t ON t.id = l.task_id"),
        LedgerGrouping::Agent => sums!("l.agent_id", "ledger l"),
        LedgerGrouping::Model => sums!("l.model", "ledger l"),
        LedgerGrouping::Day => sums!("l.settled_at / 86400000000", "ledger l"),
    };
    let rows = tx.fetch_all(sql, params![project.0]).await?;
    rows.iter().map(|row| read(row, grouping)).collect()
}

fn read(record: &DatabaseRow, grouping: LedgerGrouping) -> Result<LedgerSum, StoreError> {
    let row = record.reader(TABLE);
    let key = match grouping {
        LedgerGrouping::Agent => row.id("group_key")?.to_string(),
        LedgerGrouping::Day => row.int("group_key")?.to_string(),
        _ => row.text("group_key")?,
    };
    let number = |column| row.int(column).map(i64::unsigned_abs);
    Ok(LedgerSum {
        key,
        requests: number("requests")?,
        spent: row.money("spent")?,
        upper_bounds: number("upper_bounds")?,
        unknown_models: number("unknown_models")?,
        rehearsals: number("rehearsals")?,
        usage: TokenUsage {
            input: number("input_tokens")?,
            output: number("output_tokens")?,
            cache_read: number("cache_read_tokens")?,
            cache_write_5m: number("cache_write_5m_tokens")?,
            cache_write_1h: number("cache_write_1h_tokens")?,
            web_searches: number("web_searches")?,
        },
    })
}

//! The `ledger` table: one entry per request to the model, from its reservation to its end.

use jiff::Timestamp;

use crate::{DatabaseRow, SqlTransaction, StoreError};

use crate::params;
use eklavya_core::ids::{AgentId, LedgerId, ProjectId, TaskId};
use eklavya_core::ledger::{PriceQuote, RequestPayer, Reservation, TokenUsage};
use eklavya_core::money::MicroUsd;

const TABLE: &str = "ledger";

/// An entry with an open reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLedgerEntry {
    pub id: LedgerId,
    pub project: ProjectId,
    pub task: TaskId,
    pub agent: AgentId,
    pub reserved: MicroUsd,
}

/// How an entry ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// The answer reported its usage.
    Exact {
        usage: TokenUsage,
        amount: MicroUsd,
    },
    /// The answer was incomplete or lost: the whole reservation counts as spent.
    UpperBound,
    Released,
}

/// Inserts an entry whose amount is reserved in all budgets.
pub async fn insert(
    tx: &mut SqlTransaction,
    payer: &RequestPayer,
    quote: &PriceQuote,
    reservation: &Reservation,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO ledger (id, project_id, task_id, agent_id, role, model, \
        rehearsal, status, reserved_micros, settled_micros, upper_bound, unknown_model, \
        input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, \
        cache_write_1h_tokens, web_searches, request_id, worker, created_at, settled_at, fence) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'reserved', $8, NULL, FALSE, $9, \
        0, 0, 0, 0, 0, 0, NULL, $10, $11, NULL, $12)";
    let values = params![
        reservation.id.0,
        payer.project.0,
        payer.task.0,
        payer.agent.0,
        payer.role.name(),
        &quote.model,
        payer.rehearsal,
        reservation.amount,
        quote.unknown_model,
        &payer.worker,
        now,
        payer.fence,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns an open entry; `None` if it has ended or does not exist.
pub async fn find_open(
    tx: &mut SqlTransaction,
    id: LedgerId,
) -> Result<Option<OpenLedgerEntry>, StoreError> {
    const SQL: &str = "SELECT id, project_id, task_id, agent_id, reserved_micros FROM ledger \
        WHERE id = $1 AND status = 'reserved'";
    let found = tx.fetch_optional(SQL, params![id.0]).await?;
    found.as_ref().map(read_open).transpose()
}

/// Returns a project's open entries with a fence below `fence`, oldest first.
pub async fn list_open_before(
    tx: &mut SqlTransaction,
    project: ProjectId,
    fence: i64,
) -> Result<Vec<OpenLedgerEntry>, StoreError> {
    const SQL: &str = "SELECT id, project_id, task_id, agent_id, reserved_micros FROM ledger \
        WHERE status = 'reserved' AND project_id = $1 AND fence < $2 ORDER BY created_at, id";
    let found = tx.fetch_all(SQL, params![project.0, fence]).await?;
    found.iter().map(read_open).collect()
}

fn read_open(record: &DatabaseRow) -> Result<OpenLedgerEntry, StoreError> {
    let row = record.reader(TABLE);
    Ok(OpenLedgerEntry {
        id: LedgerId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        task: TaskId(row.id("task_id")?),
        agent: AgentId(row.id("agent_id")?),
        reserved: row.money("reserved_micros")?,
    })
}

/// Ends an entry. Returns whether it did: an entry ends once.
pub async fn finish(
    tx: &mut SqlTransaction,
    entry: &OpenLedgerEntry,
    outcome: &LedgerOutcome,
    request_id: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE ledger SET status = $2, settled_micros = $3, upper_bound = $4, \
        input_tokens = $5, output_tokens = $6, cache_read_tokens = $7, \
        cache_write_5m_tokens = $8, cache_write_1h_tokens = $9, web_searches = $10, \
        request_id = $11, settled_at = $12 WHERE id = $1 AND status = 'reserved'";
    let (status, settled, usage) = match outcome {
        LedgerOutcome::Exact { usage, amount } => ("settled", Some(*amount), *usage),
        LedgerOutcome::UpperBound => ("settled", Some(entry.reserved), TokenUsage::default()),
        LedgerOutcome::Released => ("released", None, TokenUsage::default()),
    };
    let values = params![
        entry.id.0,
        status,
        settled,
        *outcome == LedgerOutcome::UpperBound,
        clamp_tokens(usage.input),
        clamp_tokens(usage.output),
        clamp_tokens(usage.cache_read),
        clamp_tokens(usage.cache_write_5m),
        clamp_tokens(usage.cache_write_1h),
        clamp_tokens(usage.web_searches),
        request_id.map(str::to_owned),
        now,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Endpoints may report any number, but sums must fit into 63 bits. No request has this many
/// tokens.
pub(crate) const MAX_TOKENS: i64 = 1 << 42;

fn clamp_tokens(count: u64) -> i64 {
    i64::try_from(count).map_or(MAX_TOKENS, |count| count.min(MAX_TOKENS))
}

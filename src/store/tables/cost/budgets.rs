//! The `budgets` table: limits, and the amounts spent and reserved against them.

use uuid::Uuid;

use crate::{DatabaseRow, SqlTransaction, StoreError};

use crate::params;
use eklavya_core::ids::{ProjectId, TaskId};
use eklavya_core::ledger::Budget;
pub use eklavya_core::ledger::BudgetScope as Scope;
use eklavya_core::money::MicroUsd;

const TABLE: &str = "budgets";

/// Sets or removes a limit; the amounts spent and reserved stay.
pub async fn set_limit(
    tx: &mut SqlTransaction,
    scope: Scope,
    limit: Option<MicroUsd>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE budgets SET limit_micros = $3 WHERE scope = $1 AND scope_id = $2";
    ensure_row(tx, scope).await?;
    tx.execute(SQL, params![scope.name(), scope.id(), limit])
        .await
        .map(|_| ())
}

/// Creates the row of a scope if it does not exist: without a limit, with nothing spent.
pub async fn ensure_row(tx: &mut SqlTransaction, scope: Scope) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO budgets \
        (scope, scope_id, limit_micros, reserved_micros, spent_micros, warned_percent) \
        VALUES ($1, $2, NULL, 0, 0, 0) ON CONFLICT DO NOTHING";
    tx.execute(SQL, params![scope.name(), scope.id()])
        .await
        .map(|_| ())
}

/// Returns a budget; without a row, nothing is spent and there is no limit.
pub async fn find(tx: &mut SqlTransaction, scope: Scope) -> Result<Budget, StoreError> {
    const SQL: &str = "SELECT limit_micros, reserved_micros, spent_micros FROM budgets \
        WHERE scope = $1 AND scope_id = $2";
    let found = tx
        .fetch_optional(SQL, params![scope.name(), scope.id()])
        .await?;
    found.as_ref().map_or(Ok(Budget::default()), read)
}

/// A budget with the name of its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBudget {
    pub scope: Scope,
    /// The slug of the project, or the key of the task.
    pub name: String,
    pub budget: Budget,
}

/// Returns the budgets of all projects, oldest first.
pub async fn of_projects(tx: &mut SqlTransaction) -> Result<Vec<NamedBudget>, StoreError> {
    const SQL: &str = "SELECT p.id, p.slug AS name, b.limit_micros, \
        COALESCE(b.reserved_micros, 0) AS reserved_micros, \
        COALESCE(b.spent_micros, 0) AS spent_micros \
        FROM projects p LEFT JOIN budgets b ON b.scope = 'project' AND b.scope_id = p.id \
        ORDER BY p.number";
    let found = tx.fetch_all(SQL, params![]).await?;
    let scope = |id| Scope::Project(ProjectId(id));
    found.iter().map(|row| read_named(row, scope)).collect()
}

/// Returns the budgets of a project's tasks, oldest task first.
pub async fn of_tasks(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<NamedBudget>, StoreError> {
    const SQL: &str = "SELECT t.id, t.key AS name, b.limit_micros, \
        COALESCE(b.reserved_micros, 0) AS reserved_micros, \
        COALESCE(b.spent_micros, 0) AS spent_micros \
        FROM tasks t LEFT JOIN budgets b ON b.scope = 'task' AND b.scope_id = t.id \
        WHERE t.project_id = $1 ORDER BY t.created_at, t.priority DESC, t.key";
    let found = tx.fetch_all(SQL, params![project.0]).await?;
    let scope = |id| Scope::Task(TaskId(id));
    found.iter().map(|row| read_named(row, scope)).collect()
}

fn read_named(
    record: &DatabaseRow,
    scope: impl Fn(Uuid) -> Scope,
) -> Result<NamedBudget, StoreError> {
    let row = record.reader(TABLE);
    Ok(NamedBudget {
        scope: scope(row.id("id")?),
        name: row.text("name")?,
        budget: read(record)?,
    })
}

fn read(record: &DatabaseRow) -> Result<Budget, StoreError> {
    let row = record.reader(TABLE);
    Ok(Budget {
        limit: row.opt_int("limit_micros")?.map(MicroUsd),
        reserved: row.money("reserved_micros")?,
        spent: row.money("spent_micros")?,
    })
}

/// Reserves `amount` if the limit allows it; `default_limit` applies if the row has none. Returns
/// whether it did.
pub async fn reserve(
    tx: &mut SqlTransaction,
    scope: Scope,
    amount: MicroUsd,
    default_limit: Option<MicroUsd>,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE budgets SET reserved_micros = reserved_micros + $3 \
        WHERE scope = $1 AND scope_id = $2 \
        AND (COALESCE(limit_micros, CAST($4 AS BIGINT)) IS NULL \
        OR spent_micros + reserved_micros + $3 <= COALESCE(limit_micros, CAST($4 AS BIGINT)))";
    let values = params![scope.name(), scope.id(), amount, default_limit];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Ends a reservation of `reserved`, of which `spent` was used (it may be more).
pub async fn settle(
    tx: &mut SqlTransaction,
    scope: Scope,
    reserved: MicroUsd,
    spent: MicroUsd,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE budgets SET reserved_micros = reserved_micros - $3, \
        spent_micros = spent_micros + $4 WHERE scope = $1 AND scope_id = $2";
    let values = params![scope.name(), scope.id(), reserved, spent];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns the highest announced threshold of a project's limit, in percent.
pub async fn warned_percent(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<i64, StoreError> {
    const SQL: &str =
        "SELECT warned_percent FROM budgets WHERE scope = 'project' AND scope_id = $1";
    match tx.fetch_optional(SQL, params![project.0]).await? {
        Some(record) => record.reader(TABLE).int("warned_percent"),
        None => Ok(0),
    }
}

/// Records the highest announced threshold of a project's limit. Returns false if another process
/// changed it since `before` was read.
pub async fn swap_warned_percent(
    tx: &mut SqlTransaction,
    project: ProjectId,
    before: i64,
    percent: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE budgets SET warned_percent = $3 \
        WHERE scope = 'project' AND scope_id = $1 AND warned_percent = $2";
    Ok(tx.execute(SQL, params![project.0, before, percent]).await? == 1)
}

//! The target of a copy: it must be empty, and its counters continue where the source stopped.

use super::table::TableSchema;
use super::{CopyError, UNSEQUENCED_TABLE};
use crate::database::status::quote_identifier;
use crate::params;
use crate::{SqlDialect, SqlTransaction, StoreError};

/// Locks the tables, refuses a database with projects, and deletes the rows that the creation of
/// the database inserted: the source has its own.
pub(super) async fn prepare_target(
    tx: &mut SqlTransaction,
    tables: &[TableSchema],
    name: &str,
) -> Result<DisabledTriggers, CopyError> {
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    super::lock_tables(tx, &names, "ACCESS EXCLUSIVE").await?;
    ensure_no_projects(tx, name).await?;
    let aside = DisabledTriggers::disable(tx, names).await?;
    if tx.dialect() == SqlDialect::Postgres {
        tx.execute_generated(format!("DELETE FROM {UNSEQUENCED_TABLE}"))
            .await?;
    }
    for table in tables.iter().rev() {
        tx.execute_generated(format!("DELETE FROM {}", quote_identifier(&table.name)))
            .await?;
    }
    Ok(aside)
}

pub(super) async fn ensure_no_projects(
    tx: &mut SqlTransaction,
    name: &str,
) -> Result<(), CopyError> {
    match tx.count_rows("projects").await? {
        0 => Ok(()),
        projects => Err(CopyError::NotEmpty {
            database: name.to_owned(),
            projects,
        }),
    }
}

/// Triggers that are disabled within the transaction: they forbid deletions, and check or write
/// other rows, which are copied from the source too.
#[derive(Debug)]
pub(super) struct DisabledTriggers {
    tables: Vec<String>,
    /// The statements that recreate them on SQLite, which cannot disable triggers.
    create_statements: Vec<String>,
}

impl DisabledTriggers {
    async fn disable(tx: &mut SqlTransaction, tables: Vec<String>) -> Result<Self, StoreError> {
        let mut made_by = Vec::new();
        match tx.dialect() {
            SqlDialect::Postgres => alter_triggers(tx, &tables, "DISABLE").await?,
            SqlDialect::Sqlite => {
                for (trigger, sql) in list_triggers(tx).await? {
                    tx.execute_generated(format!("DROP TRIGGER {}", quote_identifier(&trigger)))
                        .await?;
                    made_by.push(sql);
                }
            }
        }
        Ok(Self {
            tables,
            create_statements: made_by,
        })
    }

    pub async fn enable(self, tx: &mut SqlTransaction) -> Result<(), StoreError> {
        match tx.dialect() {
            SqlDialect::Postgres => alter_triggers(tx, &self.tables, "ENABLE").await,
            SqlDialect::Sqlite => {
                for sql in self.create_statements {
                    tx.execute_generated(sql).await?;
                }
                Ok(())
            }
        }
    }
}

async fn alter_triggers(
    tx: &mut SqlTransaction,
    tables: &[String],
    how: &str,
) -> Result<(), StoreError> {
    for table in tables {
        tx.execute_generated(format!(
            "ALTER TABLE {} {how} TRIGGER USER",
            quote_identifier(table)
        ))
        .await?;
    }
    Ok(())
}

/// Returns the names of SQLite's triggers and the statements that created them.
async fn list_triggers(tx: &mut SqlTransaction) -> Result<Vec<(String, String)>, StoreError> {
    const SQL: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name";
    let rows = tx.fetch_all(SQL, params![]).await?;
    rows.iter()
        .map(|record| {
            let row = record.reader("triggers");
            Ok((row.text("name")?, row.text("sql")?))
        })
        .collect()
}

/// Advances the target's counter past every number that the source ever used: a number is never
/// reused, even if its row is gone.
pub(super) async fn advance_counter(
    source: &mut SqlTransaction,
    target: &mut SqlTransaction,
    table: &TableSchema,
) -> Result<(), StoreError> {
    let Some(column) = &table.counter else {
        return Ok(());
    };
    let given = last_counter_value(source, table, column).await?;
    let highest = highest_value(target, table, column).await?;
    let Some(position) = given.max(highest).filter(|position| *position > 0) else {
        return Ok(());
    };
    match target.dialect() {
        SqlDialect::Postgres => {
            const SQL: &str = "SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), $3)";
            let values = params![&table.name, column, position];
            target.fetch_all(SQL, values).await.map(|_| ())
        }
        SqlDialect::Sqlite => {
            const OUT: &str = "DELETE FROM sqlite_sequence WHERE name = $1";
            const IN: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
            target.execute(OUT, params![&table.name]).await?;
            let values = params![&table.name, position];
            target.execute(IN, values).await.map(|_| ())
        }
    }
}

async fn last_counter_value(
    tx: &mut SqlTransaction,
    table: &TableSchema,
    column: &str,
) -> Result<Option<i64>, StoreError> {
    const SQLITE: &str = "SELECT seq AS position FROM sqlite_sequence WHERE name = $1";
    const POSTGRES: &str = "SELECT pg_sequence_last_value(\
        pg_get_serial_sequence(quote_ident($1), $2)::regclass) AS position";
    let found = match tx.dialect() {
        SqlDialect::Sqlite => tx.fetch_optional(SQLITE, params![&table.name]).await?,
        SqlDialect::Postgres => {
            let values = params![&table.name, column];
            tx.fetch_optional(POSTGRES, values).await?
        }
    };
    match found {
        Some(record) => record.reader("sequences").opt_int("position"),
        None => Ok(None),
    }
}

async fn highest_value(
    tx: &mut SqlTransaction,
    table: &TableSchema,
    column: &str,
) -> Result<Option<i64>, StoreError> {
    let (column, name) = (quote_identifier(column), quote_identifier(&table.name));
    let sql = format!("SELECT max({column}) AS position FROM {name}");
    match tx.fetch_generated(sql).await?.first() {
        Some(record) => record.reader("sequences").opt_int("position"),
        None => Ok(None),
    }
}

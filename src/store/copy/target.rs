//! The side that is written: it must be empty, and counts on where the source stopped.

use super::table::Table;
use super::{CopyError, UNPLACED};
use crate::params;
use crate::status::quoted;
use crate::{Dialect, StoreError, Tx};

/// Keeps everybody else out of the tables, refuses a database that holds projects, and takes away
/// what making the database left in it: the source has its own.
pub(super) async fn take(tx: &mut Tx, tables: &[Table], name: &str) -> Result<Aside, CopyError> {
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    super::lock(tx, &names, "ACCESS EXCLUSIVE").await?;
    refuse_projects(tx, name).await?;
    let aside = Aside::put(tx, names).await?;
    if tx.dialect() == Dialect::Postgres {
        tx.execute_made(format!("DELETE FROM {UNPLACED}")).await?;
    }
    for table in tables.iter().rev() {
        tx.execute_made(format!("DELETE FROM {}", quoted(&table.name)))
            .await?;
    }
    Ok(aside)
}

/// Refuses a database that holds projects.
pub(super) async fn refuse_projects(tx: &mut Tx, name: &str) -> Result<(), CopyError> {
    match tx.count("projects").await? {
        0 => Ok(()),
        projects => Err(CopyError::NotEmpty {
            database: name.to_owned(),
            projects,
        }),
    }
}

/// Triggers that stand aside within the transaction: they keep rows from being removed, and check
/// or write others, which come from the source too.
#[derive(Debug)]
pub(super) struct Aside {
    tables: Vec<String>,
    /// The statements that made them, on SQLite, which cannot switch them off.
    made_by: Vec<String>,
}

impl Aside {
    async fn put(tx: &mut Tx, tables: Vec<String>) -> Result<Self, StoreError> {
        let mut made_by = Vec::new();
        match tx.dialect() {
            Dialect::Postgres => switch(tx, &tables, "DISABLE").await?,
            Dialect::Sqlite => {
                for (trigger, sql) in triggers(tx).await? {
                    tx.execute_made(format!("DROP TRIGGER {}", quoted(&trigger)))
                        .await?;
                    made_by.push(sql);
                }
            }
        }
        Ok(Self { tables, made_by })
    }

    /// Puts them back.
    pub async fn restore(self, tx: &mut Tx) -> Result<(), StoreError> {
        match tx.dialect() {
            Dialect::Postgres => switch(tx, &self.tables, "ENABLE").await,
            Dialect::Sqlite => {
                for sql in self.made_by {
                    tx.execute_made(sql).await?;
                }
                Ok(())
            }
        }
    }
}

async fn switch(tx: &mut Tx, tables: &[String], how: &str) -> Result<(), StoreError> {
    for table in tables {
        tx.execute_made(format!("ALTER TABLE {} {how} TRIGGER USER", quoted(table)))
            .await?;
    }
    Ok(())
}

/// Returns the triggers of SQLite's: their names and the statements that made them.
async fn triggers(tx: &mut Tx) -> Result<Vec<(String, String)>, StoreError> {
    const SQL: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name";
    let rows = tx.fetch_all(SQL, params![]).await?;
    rows.iter()
        .map(|record| {
            let row = record.of("triggers");
            Ok((row.text("name")?, row.text("sql")?))
        })
        .collect()
}

/// Makes the target count on behind everything that the source has ever given out: a place is never
/// given twice, also where its row is gone.
pub(super) async fn count_on(
    source: &mut Tx,
    target: &mut Tx,
    table: &Table,
) -> Result<(), StoreError> {
    let Some(column) = &table.counter else {
        return Ok(());
    };
    let given = given_out(source, table, column).await?;
    let highest = highest(target, table, column).await?;
    let Some(position) = given.max(highest).filter(|position| *position > 0) else {
        return Ok(());
    };
    match target.dialect() {
        Dialect::Postgres => {
            const SQL: &str = "SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), $3)";
            let values = params![&table.name, column, position];
            target.fetch_all(SQL, values).await.map(|_| ())
        }
        Dialect::Sqlite => {
            const OUT: &str = "DELETE FROM sqlite_sequence WHERE name = $1";
            const IN: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
            target.execute(OUT, params![&table.name]).await?;
            let values = params![&table.name, position];
            target.execute(IN, values).await.map(|_| ())
        }
    }
}

/// Returns the last number that a database counted up to.
async fn given_out(tx: &mut Tx, table: &Table, column: &str) -> Result<Option<i64>, StoreError> {
    const SQLITE: &str = "SELECT seq AS position FROM sqlite_sequence WHERE name = $1";
    const POSTGRES: &str = "SELECT pg_sequence_last_value(\
        pg_get_serial_sequence(quote_ident($1), $2)::regclass) AS position";
    let found = match tx.dialect() {
        Dialect::Sqlite => tx.fetch_optional(SQLITE, params![&table.name]).await?,
        Dialect::Postgres => {
            let values = params![&table.name, column];
            tx.fetch_optional(POSTGRES, values).await?
        }
    };
    match found {
        Some(record) => record.of("sequences").opt_int("position"),
        None => Ok(None),
    }
}

async fn highest(tx: &mut Tx, table: &Table, column: &str) -> Result<Option<i64>, StoreError> {
    let (column, name) = (quoted(column), quoted(&table.name));
    let sql = format!("SELECT max({column}) AS position FROM {name}");
    match tx.fetch_made(sql).await?.first() {
        Some(record) => record.of("sequences").opt_int("position"),
        None => Ok(None),
    }
}

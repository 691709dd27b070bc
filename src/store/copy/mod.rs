//! Moving a whole database into another one: SQLite into PostgreSQL, and back.

mod cell;
mod rows;
mod table;
mod target;
mod verify;

use futures_util::StreamExt;

use super::{DatabaseLocation, SqlDialect, SqlTransaction, Store, StoreError};
use crate::database::status::quote_identifier;
use cell::CellValue;
use table::TableSchema;

/// Why a database is not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Both sides are files.
    #[error("{from} and {to} are both files of SQLite's")]
    TwoFiles {
        /// The source.
        from: String,
        /// The target.
        to: String,
    },
    /// Both sides are the same database.
    #[error("{0} cannot be copied into itself")]
    SameDatabase(String),
    /// The target is in use.
    #[error("the database {database} holds {projects} projects; a copy needs an empty one")]
    NotEmpty {
        /// The target.
        database: String,
        /// How many projects it holds.
        projects: u64,
    },
    /// The PostgreSQL side lacks a column, or has it with a type that we do not know.
    #[error("the server's column {table}.{column} is not the one that eklavya made")]
    UnexpectedColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// What was written is not what was read; nothing was kept.
    #[error("row {row} of {table} is not the same in the copy; nothing was kept")]
    RowMismatch {
        /// The table.
        table: String,
        /// Its place in the order of the keys, from 1.
        row: u64,
    },
}

/// A table that was copied and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has, on both sides.
    pub rows: u64,
    /// The SHA-256 over those of its rows, in the order of their keys; the same on both sides.
    pub sha256: String,
}

/// What a copy came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySummary {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// How many values held U+0000, which PostgreSQL cannot keep, and now hold U+FFFD.
    pub replaced: u64,
}

/// What a copy tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyProgress {
    /// A table was written.
    Written {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
    },
    /// A table was compared.
    Compared {
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
    },
}

/// A database that nobody writes while it is held.
#[derive(Debug)]
pub struct CopySource {
    tx: SqlTransaction,
    name: String,
    location: DatabaseLocation,
}

impl CopySource {
    /// Takes hold of a database whose schema must be this program's. Whoever writes waits until the
    /// copy is done or given up.
    pub async fn open_locked(location: &DatabaseLocation) -> Result<(Store, Self), StoreError> {
        let store = Store::connect(location).await?;
        store.schema_version().await?.ensure_current(&store.name)?;
        let mut tx = begin_long_write(&store).await?;
        // Whoever gives events their places does so before the tables are locked, and here for the
        // rest. That is taken back with the transaction.
        sequence_events(&mut tx).await?;
        lock_tables(&mut tx, &table::table_names().await?, "SHARE ROW EXCLUSIVE").await?;
        sequence_events(&mut tx).await?;
        let name = store.name.to_string();
        let location = location.clone();
        let held = Self { tx, name, location };
        Ok((store, held))
    }

    /// Copies everything into a database that is empty or holds no project, in one transaction, and
    /// compares it row by row before that is committed.
    pub async fn copy_into(
        mut self,
        location: &DatabaseLocation,
        tell: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<CopySummary, CopyError> {
        if let (DatabaseLocation::File(from), DatabaseLocation::File(to)) =
            (&self.location, location)
        {
            let (from, to) = (from.display().to_string(), to.display().to_string());
            return Err(CopyError::TwoFiles { from, to });
        }
        if self.name == location.to_string() {
            return Err(CopyError::SameDatabase(self.name));
        }
        let store = open_target(location).await?;
        let mut tx = begin_long_write(&store).await?;
        let copied = self.copy_tables(&mut tx, &store.name, tell).await?;
        tx.commit().await?;
        store.close().await;
        Ok(copied)
    }

    async fn copy_tables(
        &mut self,
        target: &mut SqlTransaction,
        name: &str,
        tell: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<CopySummary, CopyError> {
        let tables = match self.tx.dialect() {
            SqlDialect::Postgres => table::read_tables(&mut self.tx).await?,
            SqlDialect::Sqlite => table::read_tables(target).await?,
        };
        let aside = target::prepare_target(target, &tables, name).await?;
        let mut replaced = 0;
        for table in &tables {
            let rows = self.copy_table(target, table, &mut replaced).await?;
            tell(CopyProgress::Written {
                table: table.name.clone(),
                rows,
            });
        }
        aside.enable(target).await?;
        let mut compared = Vec::new();
        for table in &tables {
            let same = verify::verify_table(&mut self.tx, target, table).await?;
            tell(CopyProgress::Compared {
                table: table.name.clone(),
                rows: same.rows,
            });
            compared.push(same);
        }
        Ok(CopySummary {
            tables: compared,
            replaced,
        })
    }

    async fn copy_table(
        &mut self,
        target: &mut SqlTransaction,
        table: &TableSchema,
        replaced: &mut u64,
    ) -> Result<u64, StoreError> {
        let portable = rows::stream_rows(&mut self.tx, table).map(|row| {
            let row: Vec<CellValue> = row?;
            let portable = row.iter().cloned().map(CellValue::portable);
            let portable: Vec<CellValue> = portable.collect();
            let differing = row.iter().zip(&portable).filter(|(a, b)| a != b);
            *replaced += differing.count() as u64;
            Ok(portable)
        });
        let rows = rows::write_rows(target, table, portable.boxed()).await?;
        target::advance_counter(&mut self.tx, target, table).await?;
        Ok(rows)
    }
}

/// Opens the target, and makes its tables where it has none.
async fn open_target(location: &DatabaseLocation) -> Result<Store, CopyError> {
    if let DatabaseLocation::File(file) = location {
        crate::database::sqlite::create_file(file)?;
    }
    let store = Store::connect(location).await?;
    let schema = store.schema_version().await?;
    if schema.found.is_none() {
        store.migrate().await?;
    } else {
        schema.ensure_current(&store.name)?;
        let mut tx = store.begin_read().await?;
        // Told before anybody waits for a lock.
        target::ensure_no_projects(&mut tx, &store.name).await?;
    }
    Ok(store)
}

/// Starts a transaction that may pause for as long as the other side works.
async fn begin_long_write(store: &Store) -> Result<SqlTransaction, StoreError> {
    let mut tx = store.begin_write().await?;
    tx.execute_script(match tx.dialect() {
        // Rows may come before those of the same table that they refer to.
        SqlDialect::Sqlite => "PRAGMA defer_foreign_keys = ON",
        SqlDialect::Postgres => "SET LOCAL idle_in_transaction_session_timeout = 0",
    })
    .await?;
    Ok(tx)
}

/// The table in which PostgreSQL keeps events that have no place yet. SQLite gives places at once.
const UNSEQUENCED_TABLE: &str = "unplaced_events";

/// Gives every committed event its place, so that it is copied.
async fn sequence_events(tx: &mut SqlTransaction) -> Result<(), StoreError> {
    match tx.dialect() {
        SqlDialect::Sqlite => Ok(()),
        SqlDialect::Postgres => tx.execute_script("SELECT place_events(true)").await,
    }
}

/// Locks tables until the transaction ends. SQLite has one writer, who has locked it all.
async fn lock_tables(
    tx: &mut SqlTransaction,
    tables: &[String],
    mode: &str,
) -> Result<(), StoreError> {
    if tx.dialect() == SqlDialect::Sqlite {
        return Ok(());
    }
    let tables = tables.iter().map(String::as_str).chain([UNSEQUENCED_TABLE]);
    let names: Vec<String> = tables.map(quote_identifier).collect();
    tx.execute_generated(format!("LOCK TABLE {} IN {mode} MODE", names.join(", ")))
        .await
}

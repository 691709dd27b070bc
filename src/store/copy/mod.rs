//! Copies a whole database into another one: SQLite to PostgreSQL, and back.

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

/// Why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A database is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Both databases are files.
    #[error("{from} and {to} are both SQLite files")]
    TwoFiles { from: String, to: String },
    /// Both are the same database.
    #[error("cannot copy {0} into itself")]
    SameDatabase(String),
    /// The target is in use.
    #[error("database {database} has {projects} projects; the target of a copy must be empty")]
    NotEmpty { database: String, projects: u64 },
    /// A column is missing in PostgreSQL, or has an unknown type.
    #[error("the server's column {table}.{column} is not the one that eklavya created")]
    UnexpectedColumn { table: String, column: String },
    /// The copy differs from the source; it was rolled back.
    #[error("row {row} of {table} differs in the copy; the copy was rolled back")]
    RowMismatch {
        table: String,
        /// Its position in the order of the keys, from 1.
        row: u64,
    },
}

/// A table that was copied and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: String,
    /// The number of rows, on both sides.
    pub rows: u64,
    /// The SHA-256 over the rows in the order of their keys, equal on both sides.
    pub sha256: String,
}

/// The result of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySummary {
    /// In the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// How many values contained U+0000, which PostgreSQL cannot store, and now contain U+FFFD.
    pub replaced: u64,
}

/// The progress of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyProgress {
    Written {
        table: String,
        rows: u64,
    },
    /// A table was verified.
    Compared {
        table: String,
        rows: u64,
    },
}

/// A database that is locked against writes.
#[derive(Debug)]
pub struct CopySource {
    tx: SqlTransaction,
    name: String,
    location: DatabaseLocation,
}

impl CopySource {
    /// Locks a database, whose schema must be current. Writers wait until the copy has ended.
    pub async fn open_locked(location: &DatabaseLocation) -> Result<(Store, Self), StoreError> {
        let store = Store::connect(location).await?;
        store.schema_version().await?.ensure_current(&store.name)?;
        let mut tx = begin_long_write(&store).await?;
        // Other sequencers run before the tables are locked; this sequences the remaining events.
        // The transaction rolls it back at its end.
        sequence_events(&mut tx).await?;
        lock_tables(&mut tx, &table::table_names().await?, "SHARE ROW EXCLUSIVE").await?;
        sequence_events(&mut tx).await?;
        let name = store.name.to_string();
        let location = location.clone();
        let held = Self { tx, name, location };
        Ok((store, held))
    }

    /// Copies all tables into a database that is empty or has no project, in one transaction, and
    /// verifies each row before the commit.
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
        Ok(CopySummary {
            tables: self.compare_tables(target, &tables, tell).await?,
            replaced,
        })
    }

    async fn compare_tables(
        &mut self,
        target: &mut SqlTransaction,
        tables: &[TableSchema],
        tell: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<Vec<CopiedTable>, CopyError> {
        let mut compared = Vec::new();
        for table in tables {
            let same = verify::verify_table(&mut self.tx, target, table).await?;
            tell(CopyProgress::Compared {
                table: table.name.clone(),
                rows: same.rows,
            });
            compared.push(same);
        }
        Ok(compared)
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

/// Opens the target, and creates its tables if it has none.
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
        // Checked before waiting for a lock.
        target::ensure_no_projects(&mut tx, &store.name).await?;
    }
    Ok(store)
}

/// Starts a transaction that may be idle while the other side works.
async fn begin_long_write(store: &Store) -> Result<SqlTransaction, StoreError> {
    let mut tx = store.begin_write().await?;
    tx.execute_script(match tx.dialect() {
        // Rows may be inserted before rows of the same table that they refer to.
        SqlDialect::Sqlite => "PRAGMA defer_foreign_keys = ON",
        SqlDialect::Postgres => "SET LOCAL idle_in_transaction_session_timeout = 0",
    })
    .await?;
    Ok(tx)
}

/// The table of PostgreSQL with events that have no sequence number yet. SQLite assigns the numbers
/// at once.
const UNSEQUENCED_TABLE: &str = "unplaced_events";

/// Assigns a sequence number to every committed event, so that it is copied.
async fn sequence_events(tx: &mut SqlTransaction) -> Result<(), StoreError> {
    match tx.dialect() {
        SqlDialect::Sqlite => Ok(()),
        SqlDialect::Postgres => tx.execute_script("SELECT place_events(true)").await,
    }
}

/// Locks tables until the transaction ends. On SQLite the transaction is already the only writer.
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

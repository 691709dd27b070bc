//! Moving a whole database into another one: SQLite into PostgreSQL, and back.

mod cell;
mod rows;
mod table;
mod target;
mod verify;

use futures_util::StreamExt;

use super::status::quoted;
use super::{Dialect, Location, Store, StoreError, Tx};
use cell::Cell;
use table::Table;

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
    Itself(String),
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
    Unlike {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// What was written is not what was read; nothing was kept.
    #[error("row {row} of {table} is not the same in the copy; nothing was kept")]
    Unequal {
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
pub struct Copied {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// How many values held U+0000, which PostgreSQL cannot keep, and now hold U+FFFD.
    pub replaced: u64,
}

/// What a copy tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
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
pub struct Source {
    tx: Tx,
    name: String,
    location: Location,
}

impl Source {
    /// Takes hold of a database whose schema must be this program's. Whoever writes waits until the
    /// copy is done or given up.
    pub async fn hold(location: &Location) -> Result<(Store, Self), StoreError> {
        let store = Store::connect(location).await?;
        store.schema().await?.require(&store.name)?;
        let mut tx = started(&store).await?;
        // Whoever gives events their places does so before the tables are locked, and here for the
        // rest. That is taken back with the transaction.
        place_events(&mut tx).await?;
        lock(&mut tx, &table::names().await?, "SHARE ROW EXCLUSIVE").await?;
        place_events(&mut tx).await?;
        let name = store.name.to_string();
        let location = location.clone();
        let held = Self { tx, name, location };
        Ok((store, held))
    }

    /// Copies everything into a database that is empty or holds no project, in one transaction, and
    /// compares it row by row before that is committed.
    pub async fn copy_into(
        mut self,
        location: &Location,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Copied, CopyError> {
        if let (Location::File(from), Location::File(to)) = (&self.location, location) {
            let (from, to) = (from.display().to_string(), to.display().to_string());
            return Err(CopyError::TwoFiles { from, to });
        }
        if self.name == location.to_string() {
            return Err(CopyError::Itself(self.name));
        }
        let store = prepared(location).await?;
        let mut tx = started(&store).await?;
        let copied = self.copy(&mut tx, &store.name, tell).await?;
        tx.commit().await?;
        store.close().await;
        Ok(copied)
    }

    async fn copy(
        &mut self,
        target: &mut Tx,
        name: &str,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Copied, CopyError> {
        let tables = match self.tx.dialect() {
            Dialect::Postgres => table::all(&mut self.tx).await?,
            Dialect::Sqlite => table::all(target).await?,
        };
        let aside = target::take(target, &tables, name).await?;
        let mut replaced = 0;
        for table in &tables {
            let rows = self.write(target, table, &mut replaced).await?;
            tell(Step::Written {
                table: table.name.clone(),
                rows,
            });
        }
        aside.restore(target).await?;
        let mut compared = Vec::new();
        for table in &tables {
            let same = verify::same(&mut self.tx, target, table).await?;
            tell(Step::Compared {
                table: table.name.clone(),
                rows: same.rows,
            });
            compared.push(same);
        }
        Ok(Copied {
            tables: compared,
            replaced,
        })
    }

    async fn write(
        &mut self,
        target: &mut Tx,
        table: &Table,
        replaced: &mut u64,
    ) -> Result<u64, StoreError> {
        let portable = rows::read(&mut self.tx, table).map(|row| {
            let row: Vec<Cell> = row?;
            let portable = row.iter().cloned().map(Cell::portable);
            let portable: Vec<Cell> = portable.collect();
            let differing = row.iter().zip(&portable).filter(|(a, b)| a != b);
            *replaced += differing.count() as u64;
            Ok(portable)
        });
        let rows = rows::write(target, table, portable.boxed()).await?;
        target::count_on(&mut self.tx, target, table).await?;
        Ok(rows)
    }
}

/// Opens the target, and makes its tables where it has none.
async fn prepared(location: &Location) -> Result<Store, CopyError> {
    if let Location::File(file) = location {
        super::sqlite::make(file)?;
    }
    let store = Store::connect(location).await?;
    let schema = store.schema().await?;
    if schema.found.is_none() {
        store.migrate().await?;
    } else {
        schema.require(&store.name)?;
        let mut tx = store.read().await?;
        // Told before anybody waits for a lock.
        target::refuse_projects(&mut tx, &store.name).await?;
    }
    Ok(store)
}

/// Starts a transaction that may pause for as long as the other side works.
async fn started(store: &Store) -> Result<Tx, StoreError> {
    let mut tx = store.write().await?;
    tx.script(match tx.dialect() {
        // Rows may come before those of the same table that they refer to.
        Dialect::Sqlite => "PRAGMA defer_foreign_keys = ON",
        Dialect::Postgres => "SET LOCAL idle_in_transaction_session_timeout = 0",
    })
    .await?;
    Ok(tx)
}

/// The table in which PostgreSQL keeps events that have no place yet. SQLite gives places at once.
const UNPLACED: &str = "unplaced_events";

/// Gives every committed event its place, so that it is copied.
async fn place_events(tx: &mut Tx) -> Result<(), StoreError> {
    match tx.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => tx.script("SELECT place_events(true)").await,
    }
}

/// Locks tables until the transaction ends. SQLite has one writer, who has locked it all.
async fn lock(tx: &mut Tx, tables: &[String], mode: &str) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let tables = tables.iter().map(String::as_str).chain([UNPLACED]);
    let names: Vec<String> = tables.map(quoted).collect();
    tx.execute_made(format!("LOCK TABLE {} IN {mode} MODE", names.join(", ")))
        .await
}

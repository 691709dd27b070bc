//! `eklavya db copy`

use std::sync::Arc;

use camino::Utf8PathBuf;
use eklavya_core::clock::SystemClock;
use eklavya_services::workers::WorkerHealth;
use eklavya_services::{DataStore, leases, projects, workers};
use eklavya_store::copy::{CopyError, CopyProgress, CopySource, CopySummary};
use eklavya_store::workers::WorkerRecord;
use eklavya_store::{DatabaseLocation, Store, StoreError};
use serde::Serialize;

use crate::db::location::{LOCATIONS, parse_location};
use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, runtime};
use crate::output::{OutputPage, OutputPrinter, OutputView};

const EXAMPLES: &str = "\
A LOCATION is one of
  sqlite                         the file in the data directory
  sqlite:PATH                    another file
  postgres://user@host/database  a database on a server
  store                          the database that store.url names

Examples:
  eklavya db copy --from sqlite --to postgres://eklavya@db/eklavya --to-password-file FILE
  eklavya config set store.url postgres://eklavya@db/eklavya
  eklavya db copy --from store --to sqlite:backup.db";

/// Copy everything into another database, and compare both row by row
///
/// The target must be empty, or created by `eklavya init` and without projects. The copy is one
/// transaction: if it fails or is interrupted, it leaves nothing behind. No worker may run during the
/// copy; other commands that write wait until it ends. Files outside the database (repositories and
/// workspaces of projects) are not copied.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DbCopyArgs {
    /// Database to copy
    #[arg(long, value_name = "LOCATION")]
    from: String,

    /// Database to copy into
    #[arg(long, value_name = "LOCATION")]
    to: String,

    /// File with the password of --from
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<Utf8PathBuf>,

    /// File with the password of --to
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<Utf8PathBuf>,
}

pub fn exec(invocation: &CommandInvocation, args: &DbCopyArgs) -> Result<(), CommandError> {
    let from = parse_location(invocation, &args.from, args.from_password_file.as_ref())?;
    let to = parse_location(invocation, &args.to, args.to_password_file.as_ref())?;
    let printer = &invocation.printer;
    let copied = runtime::run_short(copy(printer, &from, &to))?;
    printer.view(&DatabaseCopyView::of(&from, &to, &copied))?;
    if copied.replaced > 0 {
        printer.warn(&format!(
            "{} values contained U+0000, which PostgreSQL cannot store; in the copy they contain U+FFFD",
            copied.replaced
        ));
    }
    if let DatabaseLocation::Server(server) = &to {
        let url = server.display_url();
        printer.note(&format!("Next: eklavya config set store.url '{url}'"));
    }
    Ok(())
}

async fn copy(
    printer: &OutputPrinter,
    from: &DatabaseLocation,
    to: &DatabaseLocation,
) -> Result<CopySummary, CommandError> {
    let (store, source) = CopySource::open_locked(from)
        .await
        .map_err(|error| match error {
            error @ StoreError::Missing(_) => {
                CommandError::new(CommandErrorKind::Environment, error)
                    .with_hint("Name the database that contains the projects: --from LOCATION")
            }
            error => error.into(),
        })?;
    let copied = copy_locked_source(printer, &store, source, to).await;
    // Closing folds the write-ahead log of the source into its file.
    store.close().await;
    copied
}

async fn copy_locked_source(
    printer: &OutputPrinter,
    store: &Store,
    source: CopySource,
    to: &DatabaseLocation,
) -> Result<CopySummary, CommandError> {
    ensure_no_live_workers(store).await?;
    let mut report = |step| match step {
        CopyProgress::Written { rows: 0, .. } | CopyProgress::Compared { rows: 0, .. } => {}
        CopyProgress::Written { table, rows } => printer.note(&format!("{table}: {rows} copied")),
        CopyProgress::Compared { table, rows } => {
            printer.note(&format!("{table}: {rows} compared"));
        }
    };
    Ok(source.copy_into(to, &mut report).await?)
}

/// Refuses while a worker runs: its later changes would be missing from the copy.
async fn ensure_no_live_workers(store: &Store) -> Result<(), CommandError> {
    const FIX: &str = "Stop all workers, then run the command again";
    let data = DataStore::new(store.clone(), Arc::new(SystemClock));
    let rows = workers::list(&data).await?;
    let alive = |row: &&WorkerRecord| workers::health_of(&data, row) == WorkerHealth::Alive;
    if let Some(row) = rows.iter().find(alive) {
        let message = format!("worker {} (pid {}) is running", row.name, row.pid);
        return Err(CommandError::new(CommandErrorKind::WrongState, message).with_hint(FIX));
    }
    for project in projects::list(&data).await? {
        if let Some(holder) = leases::find_live_holder(&data, project.id).await? {
            let message = format!("a worker ({holder}) is working on {}", project.slug);
            return Err(CommandError::new(CommandErrorKind::WrongState, message).with_hint(FIX));
        }
    }
    Ok(())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseCopyView {
    from: String,
    to: String,
    /// Number of values in which U+FFFD replaced U+0000.
    replaced: u64,
    tables: Vec<CopiedTableView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopiedTableView {
    name: String,
    rows: u64,
    /// Hash of all rows in the order of their keys; the same in both databases.
    sha256: String,
}

impl DatabaseCopyView {
    fn of(from: &DatabaseLocation, to: &DatabaseLocation, copied: &CopySummary) -> Self {
        let tables = copied.tables.iter().map(|table| CopiedTableView {
            name: table.name.clone(),
            rows: table.rows,
            sha256: table.sha256.clone(),
        });
        Self {
            from: from.to_string(),
            to: to.to_string(),
            replaced: copied.replaced,
            tables: tables.collect(),
        }
    }
}

impl OutputView for DatabaseCopyView {
    fn render(&self, page: &mut OutputPage) {
        let rows = self.tables.iter().map(|table| {
            let digest = table.sha256.chars().take(16).collect();
            vec![table.name.clone(), table.rows.to_string(), digest]
        });
        page.table(&["table", "rows", "sha-256"], rows);
    }
}

impl From<CopyError> for CommandError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => Self::from(error),
            CopyError::TwoFiles { .. } => Self::new(CommandErrorKind::Usage, error)
                .with_hint("Copy the file itself while no worker is running"),
            CopyError::SameDatabase(_) => {
                Self::new(CommandErrorKind::Usage, error).with_hint(LOCATIONS)
            }
            CopyError::NotEmpty { .. } => Self::new(CommandErrorKind::WrongState, error)
                .with_hint("Name an empty database: --to LOCATION"),
            CopyError::UnexpectedColumn { .. } => Self::new(CommandErrorKind::Environment, error)
                .with_hint("Show the tables of the server: eklavya db status"),
            CopyError::RowMismatch { .. } => Self::new(CommandErrorKind::Failed, error).with_hint(
                "Report this as a bug, with the versions of both databases: eklavya db status",
            ),
        }
    }
}

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

use crate::db::location::{self as place, LOCATIONS};
use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::CommandInvocation;
use crate::output::{OutputPage, OutputPrinter, OutputView};
use crate::runtime;

const EXAMPLES: &str = "\
A LOCATION is one of
  sqlite                         the file in the data directory
  sqlite:PATH                    another file
  postgres://user@host/database  a database on a server
  store                          the one that store.url names

Examples:
  eklavya db copy --from sqlite --to postgres://eklavya@db/eklavya --to-password-file FILE
  eklavya config set store.url postgres://eklavya@db/eklavya
  eklavya db copy --from store --to sqlite:backup.db";

/// Copy everything into another database, and compare it row by row
///
/// The target must be empty, or have been made by eklavya init and hold no project. The copy is one
/// transaction: stopped or failed, it leaves nothing behind. Nobody may be working on a project
/// meanwhile; whoever wants to write waits. What projects have outside of the database, their
/// repositories and workspaces, stays where it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DbCopyArgs {
    /// The database to copy
    #[arg(long, value_name = "LOCATION")]
    from: String,

    /// The database to copy it into
    #[arg(long, value_name = "LOCATION")]
    to: String,

    /// File that holds the password of --from
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<Utf8PathBuf>,

    /// File that holds the password of --to
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<Utf8PathBuf>,
}

/// Runs `eklavya db copy`.
pub fn exec(invocation: &CommandInvocation, args: &DbCopyArgs) -> Result<(), CommandError> {
    let from = place::parse_location(invocation, &args.from, args.from_password_file.as_ref())?;
    let to = place::parse_location(invocation, &args.to, args.to_password_file.as_ref())?;
    let printer = &invocation.printer;
    let copied = runtime::run_short(copy(printer, &from, &to))?;
    printer.view(&DatabaseCopyView::of(&from, &to, &copied))?;
    if copied.replaced > 0 {
        printer.warn(&format!(
            "{} values held U+0000, which PostgreSQL cannot keep; in the copy they hold U+FFFD",
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
                    .with_hint("Name the database that holds the projects: --from LOCATION")
            }
            error => error.into(),
        })?;
    let copied = copy_locked_source(printer, &store, source, to).await;
    // The source's write-ahead log is folded into its file.
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
    let mut tell = |step| match step {
        CopyProgress::Written { rows: 0, .. } | CopyProgress::Compared { rows: 0, .. } => {}
        CopyProgress::Written { table, rows } => printer.note(&format!("{table}: {rows} copied")),
        CopyProgress::Compared { table, rows } => {
            printer.note(&format!("{table}: {rows} compared"));
        }
    };
    Ok(source.copy_into(to, &mut tell).await?)
}

/// What a worker does after the copy would be missing from it.
async fn ensure_no_live_workers(store: &Store) -> Result<(), CommandError> {
    const FIX: &str = "Stop all workers first, then repeat the command";
    let data = DataStore::new(store.clone(), Arc::new(SystemClock));
    let rows = workers::list(&data).await?;
    let alive = |row: &&WorkerRecord| workers::health_of(&data, row) == WorkerHealth::Alive;
    if let Some(row) = rows.iter().find(alive) {
        let message = format!("the worker {} (pid {}) is there", row.name, row.pid);
        return Err(CommandError::new(CommandErrorKind::WrongState, message).with_hint(FIX));
    }
    for project in projects::list(&data).await? {
        if let Some(holder) = leases::find_live_holder(&data, project.id).await? {
            let message = format!("a worker ({holder}) works on {}", project.slug);
            return Err(CommandError::new(CommandErrorKind::WrongState, message).with_hint(FIX));
        }
    }
    Ok(())
}

/// What was copied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseCopyView {
    from: String,
    to: String,
    /// Values in which U+0000 became U+FFFD.
    replaced: u64,
    tables: Vec<CopiedTableView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopiedTableView {
    name: String,
    rows: u64,
    /// Over all rows in the order of their keys; the same on both sides.
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
                .with_hint("Copy the file itself, while nobody works"),
            CopyError::SameDatabase(_) => {
                Self::new(CommandErrorKind::Usage, error).with_hint(LOCATIONS)
            }
            CopyError::NotEmpty { .. } => Self::new(CommandErrorKind::WrongState, error)
                .with_hint("Name an empty database: --to LOCATION"),
            CopyError::UnexpectedColumn { .. } => Self::new(CommandErrorKind::Environment, error)
                .with_hint("Look at the server's tables: eklavya db status"),
            CopyError::RowMismatch { .. } => Self::new(CommandErrorKind::Failed, error)
                .with_hint("Report it, with both databases' versions: eklavya db status"),
        }
    }
}

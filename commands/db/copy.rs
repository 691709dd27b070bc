//! `eklavya db copy`

use std::sync::Arc;

use camino::Utf8PathBuf;
use eklavya_core::clock::SystemClock;
use eklavya_services::workers::Life;
use eklavya_services::{Desk, leases, projects, workers};
use eklavya_store::copy::{Copied, CopyError, Source, Step};
use eklavya_store::workers::WorkerRow;
use eklavya_store::{Location, Store, StoreError};
use serde::Serialize;

use super::place::{self, LOCATIONS};
use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::output::{Page, Printer, View};
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
pub struct Args {
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
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let from = place::location(invocation, &args.from, args.from_password_file.as_ref())?;
    let to = place::location(invocation, &args.to, args.to_password_file.as_ref())?;
    let printer = &invocation.printer;
    let copied = runtime::short(copy(printer, &from, &to))?;
    printer.view(&CopiedView::of(&from, &to, &copied))?;
    if copied.replaced > 0 {
        printer.warn(&format!(
            "{} values held U+0000, which PostgreSQL cannot keep; in the copy they hold U+FFFD",
            copied.replaced
        ));
    }
    if let Location::Server(server) = &to {
        let url = server.shown();
        printer.note(&format!("Next: eklavya config set store.url '{url}'"));
    }
    Ok(())
}

async fn copy(printer: &Printer, from: &Location, to: &Location) -> Result<Copied, CommandError> {
    let (store, source) = Source::hold(from).await.map_err(|error| match error {
        error @ StoreError::Missing(_) => CommandError::new(Kind::Environment, error)
            .hint("Name the database that holds the projects: --from LOCATION"),
        error => error.into(),
    })?;
    let copied = copy_held(printer, &store, source, to).await;
    // The source's write-ahead log is folded into its file.
    store.close().await;
    copied
}

async fn copy_held(
    printer: &Printer,
    store: &Store,
    source: Source,
    to: &Location,
) -> Result<Copied, CommandError> {
    refuse_workers(store).await?;
    let mut tell = |step| match step {
        Step::Written { rows: 0, .. } | Step::Compared { rows: 0, .. } => {}
        Step::Written { table, rows } => printer.note(&format!("{table}: {rows} copied")),
        Step::Compared { table, rows } => printer.note(&format!("{table}: {rows} compared")),
    };
    Ok(source.copy_into(to, &mut tell).await?)
}

/// What a worker does after the copy would be missing from it.
async fn refuse_workers(store: &Store) -> Result<(), CommandError> {
    const FIX: &str = "Stop all workers first, then repeat the command";
    let desk = Desk::new(store.clone(), Arc::new(SystemClock));
    let rows = workers::list(&desk).await?;
    let alive = |row: &&WorkerRow| workers::life_of(&desk, row) == Life::Alive;
    if let Some(row) = rows.iter().find(alive) {
        let message = format!("the worker {} (pid {}) is there", row.name, row.pid);
        return Err(CommandError::new(Kind::WrongState, message).hint(FIX));
    }
    for project in projects::list(&desk).await? {
        if let Some(holder) = leases::living_holder(&desk, project.id).await? {
            let message = format!("a worker ({holder}) works on {}", project.slug);
            return Err(CommandError::new(Kind::WrongState, message).hint(FIX));
        }
    }
    Ok(())
}

/// What was copied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopiedView {
    from: String,
    to: String,
    /// Values in which U+0000 became U+FFFD.
    replaced: u64,
    tables: Vec<CopiedTable>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopiedTable {
    name: String,
    rows: u64,
    /// Over all rows in the order of their keys; the same on both sides.
    sha256: String,
}

impl CopiedView {
    fn of(from: &Location, to: &Location, copied: &Copied) -> Self {
        let tables = copied.tables.iter().map(|table| CopiedTable {
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

impl View for CopiedView {
    fn render(&self, page: &mut Page) {
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
            CopyError::TwoFiles { .. } => {
                Self::new(Kind::Usage, error).hint("Copy the file itself, while nobody works")
            }
            CopyError::Itself(_) => Self::new(Kind::Usage, error).hint(LOCATIONS),
            CopyError::NotEmpty { .. } => {
                Self::new(Kind::WrongState, error).hint("Name an empty database: --to LOCATION")
            }
            CopyError::Unlike { .. } => Self::new(Kind::Environment, error)
                .hint("Look at the server's tables: eklavya db status"),
            CopyError::Unequal { .. } => Self::new(Kind::Failed, error)
                .hint("Report it, with both databases' versions: eklavya db status"),
        }
    }
}

//! `eklavya db migrate`

use eklavya_store::{DatabaseLocation, MigrationOutcome, Store, StoreError};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya db migrate --dry-run   # what would be done
  eklavya db migrate";

/// Migrate the database to the schema of this version
///
/// All migrations run in one transaction: if the command is interrupted, the database is unchanged and
/// the command can be run again. If several processes migrate at the same time, one does the work and
/// the others wait. Every command migrates the SQLite file of a data directory; a database on a server,
/// which workers of an older version may be using, is only migrated by this command and `eklavya init`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DbMigrateArgs {
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MigrationView {
    database: String,
    /// The schema before; null if the database had no tables.
    from: Option<i64>,
    /// The schema after.
    to: i64,
    migrations: Vec<&'static str>,
    dry_run: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &DbMigrateArgs) -> Result<(), CommandError> {
    let location = data_store::location(invocation)?;
    let migrated = runtime::run_short(async {
        let store = Store::connect(&location).await?;
        let migrated = if args.dry_run {
            plan_migration(&store).await?
        } else {
            store.migrate().await?
        };
        store.close().await;
        Ok(migrated)
    })?;
    let view = MigrationView::of(&location, migrated, args.dry_run);
    invocation.printer.done(&view.message(), &view)
}

async fn plan_migration(store: &Store) -> Result<MigrationOutcome, StoreError> {
    let schema = store
        .schema_version()
        .await?
        .ensure_not_newer(store.name())?;
    Ok(MigrationOutcome {
        from: schema.found,
        to: schema.known,
        applied: schema.pending_migrations(),
    })
}

impl MigrationView {
    fn of(location: &DatabaseLocation, migrated: MigrationOutcome, dry_run: bool) -> Self {
        Self {
            database: location.to_string(),
            from: migrated.from,
            to: migrated.to,
            migrations: migrated.applied,
            dry_run,
        }
    }

    fn message(&self) -> String {
        let Self { database, to, .. } = self;
        if self.migrations.is_empty() {
            return format!("{database} is up to date: schema {to}");
        }
        let (verb, suffix) = if self.dry_run {
            ("would be", "; nothing was changed")
        } else {
            ("was", "")
        };
        let from = match self.from {
            Some(from) => format!("migrated from schema {from} to {to}"),
            None => format!("created with schema {to}"),
        };
        format!(
            "{database} {verb} {from} ({}){suffix}",
            self.migrations.join(", ")
        )
    }
}

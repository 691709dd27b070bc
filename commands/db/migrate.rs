//! `eklavya db migrate`

use eklavya_store::{DatabaseLocation, MigrationOutcome, Store, StoreError};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::{data_store, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya db migrate --dry-run   # what would be done
  eklavya db migrate";

/// Bring the database's schema up to date
///
/// All that is to be done is done in one transaction: interrupted, it leaves the database as it was,
/// and may be repeated. Where several do it at once, one does and the others wait. The file in a data
/// directory is brought up to date by every command; a server's database, which workers of an older
/// version may be using, only by this one and by eklavya init.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DbMigrateArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MigrationView {
    database: String,
    /// The schema before; null where there were no tables.
    from: Option<i64>,
    /// The schema after.
    to: i64,
    migrations: Vec<&'static str>,
    dry_run: bool,
}

/// Runs `eklavya db migrate`.
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
        let (is, then) = if self.dry_run {
            ("would be", "; nothing was changed")
        } else {
            ("is", "")
        };
        let from = match self.from {
            Some(from) => format!("brought from schema {from} to {to}"),
            None => format!("given its tables: schema {to}"),
        };
        format!(
            "{database} {is} {from} ({}){then}",
            self.migrations.join(", ")
        )
    }
}

//! `eklavya db status`

use eklavya_store::status::{DatabaseStatus, TableStatus};
use eklavya_store::{SchemaVersion, Store};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::output::{OutputPage, OutputView};

const EXAMPLES: &str = "\
Examples:
  eklavya db status
  eklavya db status --output json | jq '.pending | length'";

/// Show the location, version, schema and size of the database
///
/// Reads only. Works with every schema: that of an older or newer eklavya, or none.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DbStatusArgs {}

pub fn exec(invocation: &CommandInvocation, _: &DbStatusArgs) -> Result<(), CommandError> {
    let location = data_store::location(invocation)?;
    let status = runtime::run_short(async {
        let store = Store::connect(&location).await?;
        let status = store.status().await?;
        store.close().await;
        Ok(status)
    })?;
    invocation.printer.view(&DatabaseStatusView::of(status))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseStatusView {
    database: String,
    version: String,
    /// The newest migration of the database; null if it has no tables.
    schema: Option<i64>,
    /// The newest migration that this program knows.
    known_schema: i64,
    /// Migrations that the database lacks.
    pending: Vec<&'static str>,
    bytes: u64,
    tables: Vec<TableView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableView {
    name: String,
    /// Null if the user may not read the table.
    rows: Option<u64>,
}

impl DatabaseStatusView {
    fn of(status: DatabaseStatus) -> Self {
        let table = |table: TableStatus| TableView {
            name: table.name,
            rows: table.rows,
        };
        Self {
            database: status.database,
            version: status.version,
            schema: status.schema.found,
            known_schema: status.schema.known,
            pending: status.schema.pending_migrations(),
            bytes: status.bytes,
            tables: status.tables.into_iter().map(table).collect(),
        }
    }

    fn schema(&self) -> String {
        let known = self.known_schema;
        let schema = SchemaVersion {
            found: self.schema,
            known,
        };
        match self.schema {
            None => "none: there are no tables; create them with eklavya init".to_owned(),
            Some(found) if found > known => {
                format!("{found}, of a newer eklavya; this one supports up to {known}")
            }
            Some(found) if schema.is_current() => format!("{found}, up to date"),
            Some(found) => format!(
                "{found}; eklavya db migrate migrates it to {known}: {}",
                self.pending.join(", ")
            ),
        }
    }
}

impl OutputView for DatabaseStatusView {
    fn render(&self, page: &mut OutputPage) {
        page.fields([
            ("Database", self.database.clone()),
            ("Version", self.version.clone()),
            ("Schema", self.schema()),
            ("Size", format_size(self.bytes)),
        ]);
        if self.tables.is_empty() {
            return;
        }
        page.section("Tables");
        let rows = self.tables.iter().map(|table| {
            let rows = table.rows.map(|rows| rows.to_string());
            vec![table.name.clone(), rows.unwrap_or("not readable".into())]
        });
        page.table(&["table", "rows"], rows);
    }
}

/// Formats a size for people: `7.4 MiB`.
fn format_size(bytes: u64) -> String {
    const STEP: u64 = 1024;
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, 0);
    while whole >= STEP && unit + 1 < units.len() {
        (whole, rest, unit) = (whole / STEP, whole % STEP, unit + 1);
    }
    match unit {
        0 => format!("{whole} B"),
        _ => format!("{whole}.{} {}", rest * 10 / STEP, units[unit]),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_shown_in_binary_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (7_802_400, "7.4 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(super::format_size(bytes), text);
        }
    }
}

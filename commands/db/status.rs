//! `eklavya db status`

use eklavya_store::status::{Status, TableStatus};
use eklavya_store::{Schema, Store};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Page, View};
use crate::{desk, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya db status
  eklavya db status --output json | jq '.pending | length'";

/// Show which database it is, its version and schema, and how much is in it
///
/// Looks only, and at every schema: of an older or newer version of eklavya, and at none.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Runs `eklavya db status`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let location = desk::location(invocation)?;
    let status = runtime::short(async {
        let store = Store::connect(&location).await?;
        let status = store.status().await?;
        store.close().await;
        Ok(status)
    })?;
    invocation.printer.view(&StatusView::of(status))
}

/// The database as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusView {
    database: String,
    version: String,
    /// The newest migration that it has; null where it has no tables.
    schema: Option<i64>,
    /// The newest migration that this program knows.
    known_schema: i64,
    /// Migrations that it lacks.
    pending: Vec<&'static str>,
    bytes: u64,
    tables: Vec<TableView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableView {
    name: String,
    /// Null where the user may not read it.
    rows: Option<u64>,
}

impl StatusView {
    fn of(status: Status) -> Self {
        let table = |table: TableStatus| TableView {
            name: table.name,
            rows: table.rows,
        };
        Self {
            database: status.database,
            version: status.version,
            schema: status.schema.found,
            known_schema: status.schema.known,
            pending: status.schema.pending(),
            bytes: status.bytes,
            tables: status.tables.into_iter().map(table).collect(),
        }
    }

    fn schema(&self) -> String {
        let known = self.known_schema;
        let schema = Schema {
            found: self.schema,
            known,
        };
        match self.schema {
            None => "none: there are no tables; make them with eklavya init".to_owned(),
            Some(found) if found > known => {
                format!("{found}, of a newer eklavya: this one knows up to {known}")
            }
            Some(found) if schema.is_current() => format!("{found}, up to date"),
            Some(found) => format!(
                "{found}, to be brought to {known} by eklavya db migrate: {}",
                self.pending.join(", ")
            ),
        }
    }
}

impl View for StatusView {
    fn render(&self, page: &mut Page) {
        page.fields([
            ("Database", self.database.clone()),
            ("Version", self.version.clone()),
            ("Schema", self.schema()),
            ("Size", size(self.bytes)),
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

/// Returns a size for people: `7.4 MiB`.
fn size(bytes: u64) -> String {
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
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (7_802_400, "7.4 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(super::size(bytes), text);
        }
    }
}

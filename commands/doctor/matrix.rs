//! The permission matrix, cell by cell, as it was tried on this machine.

use std::sync::Arc;

use eklavya_config::Config;
use eklavya_core::clock::SystemClock;
use eklavya_engine::examine::{Examination, RoleFinding};
use eklavya_sandbox::examine::{Cell, Column, Holds};
use eklavya_sandbox::{Sandbox, User};

use super::{Check, Status, home};

/// What to do about a cell that does not hold.
const FIX: &str = "do not let agents of this role run until this holds; see docs/sandbox.md";

/// Tries each role's row in a sandbox of its own. `browser` is the check of the browser.
pub async fn tried(
    config: &Config,
    (sandbox, user): &(Sandbox, User),
    browser: &Check,
) -> Result<Vec<RoleFinding>, Check> {
    let examination = Examination {
        sandbox,
        user: *user,
        place: &home::place(config),
        clock: Arc::new(SystemClock),
        browser: browser_of(config, browser),
    };
    let tried = examination.run().await;
    tried.map_err(|error| Check::error("permission matrix", &error))
}

/// Returns what the check of the browser means for the roles that have one.
fn browser_of(config: &Config, check: &Check) -> (Holds, String) {
    let state = match check.status {
        Status::Ok if config.browser.used => Holds::Yes,
        Status::Ok | Status::Warning => Holds::Partly,
        Status::Failed => Holds::No,
    };
    (state, check.detail.clone())
}

/// Returns the cells of a row as checks.
pub fn checks(row: &RoleFinding) -> impl Iterator<Item = Check> + use<'_> {
    row.cells.iter().map(|cell| check_of(row, cell))
}

fn check_of(row: &RoleFinding, cell: &Cell) -> Check {
    let fix = match cell.state {
        // The check of the browser says what to do, or that of Landlock.
        Holds::Yes | Holds::Partly => None,
        Holds::No => Some(FIX.to_owned()),
    };
    Check {
        name: format!("{}: {}", row.role, cell.column.name()).into(),
        status: status_of(cell.state),
        detail: cell.detail.clone(),
        fix,
        role: Some(row.role),
        column: Some(cell.column),
    }
}

fn status_of(state: Holds) -> Status {
    match state {
        Holds::Yes => Status::Ok,
        Holds::Partly => Status::Warning,
        Holds::No => Status::Failed,
    }
}

/// The names of the columns.
pub fn columns() -> Vec<&'static str> {
    std::iter::once("role")
        .chain(Column::ALL.map(Column::name))
        .collect()
}

/// Returns a row of the table: the role, and how far each of its cells holds.
pub fn cells(row: &RoleFinding) -> Vec<String> {
    let states = row.cells.iter().map(|cell| status_of(cell.state).word());
    std::iter::once(row.role.name())
        .chain(states)
        .map(str::to_owned)
        .collect()
}

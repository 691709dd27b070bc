//! The permission matrix, cell by cell, as it was tried on this machine.

use std::sync::Arc;

use eklavya_config::Config;
use eklavya_core::clock::SystemClock;
use eklavya_engine::selftest::{RoleSelftest, RoleSelftestResult};
use eklavya_sandbox::selftest::{GuaranteeResult, MatrixCell, MatrixColumn};
use eklavya_sandbox::{Sandbox, SandboxUser};

use super::{CheckStatus, DoctorCheck};
use crate::doctor::storage;

/// What to do about a cell that does not hold.
const FIX: &str = "do not let agents of this role run until this holds; see docs/sandbox.md";

/// Tries each role's row in a sandbox of its own. `browser` is the check of the browser.
pub async fn check_matrix(
    config: &Config,
    (sandbox, user): &(Sandbox, SandboxUser),
    browser: &DoctorCheck,
) -> Result<Vec<RoleSelftestResult>, DoctorCheck> {
    let examination = RoleSelftest {
        sandbox,
        user: *user,
        place: &storage::probe_directory(config),
        clock: Arc::new(SystemClock),
        browser: browser_guarantee(config, browser),
    };
    let tried = examination.run().await;
    tried.map_err(|error| DoctorCheck::failed_with_error("permission matrix", &error))
}

/// Returns what the check of the browser means for the roles that have one.
fn browser_guarantee(config: &Config, check: &DoctorCheck) -> (GuaranteeResult, String) {
    let state = match check.status {
        CheckStatus::Ok if config.browser.enabled => GuaranteeResult::Yes,
        CheckStatus::Ok | CheckStatus::Warning => GuaranteeResult::Partly,
        CheckStatus::Failed => GuaranteeResult::No,
    };
    (state, check.detail.clone())
}

/// Returns the cells of a row as checks.
pub fn row_checks(row: &RoleSelftestResult) -> impl Iterator<Item = DoctorCheck> + use<'_> {
    row.cells.iter().map(|cell| cell_check(row, cell))
}

fn cell_check(row: &RoleSelftestResult, cell: &MatrixCell) -> DoctorCheck {
    let fix = match cell.state {
        // The check of the browser says what to do, or that of Landlock.
        GuaranteeResult::Yes | GuaranteeResult::Partly => None,
        GuaranteeResult::No => Some(FIX.to_owned()),
    };
    DoctorCheck {
        name: format!("{}: {}", row.role, cell.column.name()).into(),
        status: check_status(cell.state),
        detail: cell.detail.clone(),
        fix,
        role: Some(row.role),
        column: Some(cell.column),
    }
}

fn check_status(state: GuaranteeResult) -> CheckStatus {
    match state {
        GuaranteeResult::Yes => CheckStatus::Ok,
        GuaranteeResult::Partly => CheckStatus::Warning,
        GuaranteeResult::No => CheckStatus::Failed,
    }
}

/// The names of the columns.
pub fn columns() -> Vec<&'static str> {
    std::iter::once("role")
        .chain(MatrixColumn::ALL.map(MatrixColumn::name))
        .collect()
}

/// Returns a row of the table: the role, and how far each of its cells holds.
pub fn row_cells(row: &RoleSelftestResult) -> Vec<String> {
    let states = row
        .cells
        .iter()
        .map(|cell| check_status(cell.state).label());
    std::iter::once(row.role.name())
        .chain(states)
        .map(str::to_owned)
        .collect()
}

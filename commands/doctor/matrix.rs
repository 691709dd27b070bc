//! The permission matrix, tested cell by cell on this machine.

use std::sync::Arc;

use eklavya_config::Config;
use eklavya_core::clock::SystemClock;
use eklavya_engine::selftest::{RoleSelftest, RoleSelftestResult};
use eklavya_sandbox::selftest::{GuaranteeResult, MatrixCell, MatrixColumn};
use eklavya_sandbox::{Sandbox, SandboxUser};

use super::{CheckStatus, DoctorCheck};
use crate::doctor::storage;

/// The fix for a cell that failed.
const FIX: &str = "do not run agents of this role until this is fixed; see docs/sandbox.md";

/// Tests the row of each role in its own sandbox. `browser` is the result of the browser check.
pub async fn check_matrix(
    config: &Config,
    (sandbox, user): &(Sandbox, SandboxUser),
    browser: &DoctorCheck,
) -> Result<Vec<RoleSelftestResult>, DoctorCheck> {
    let selftest = RoleSelftest {
        sandbox,
        user: *user,
        place: &storage::probe_directory(config),
        clock: Arc::new(SystemClock),
        browser: browser_guarantee(config, browser),
    };
    selftest
        .run()
        .await
        .map_err(|error| DoctorCheck::failed_with_error("permission matrix", &error))
}

/// Converts the browser check into the cell of the roles that have a browser.
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
        // The browser check or the Landlock check has the fix.
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

/// Returns the names of the columns.
pub fn columns() -> Vec<&'static str> {
    std::iter::once("role")
        .chain(MatrixColumn::ALL.map(MatrixColumn::name))
        .collect()
}

/// Returns a row of the table: the role and the status of each cell.
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

//! The report of all checks.

use eklavya_engine::selftest::RoleSelftestResult;
use serde::Serialize;

use super::{CheckStatus, DoctorCheck, matrix};
use crate::error::CommandError;
use crate::invocation::options::OutputFormat;
use crate::output::{OutputPage, OutputPrinter, OutputView, TableRow, json_document, json_lines};

/// The checks, and the permission matrix if it could be tested.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    checks: Vec<DoctorCheck>,
    cells: Vec<DoctorCheck>,
    #[serde(skip)]
    rows: Vec<RoleSelftestResult>,
}

impl DoctorReport {
    pub fn add(&mut self, check: DoctorCheck) {
        self.checks.push(check);
    }

    pub fn extend(&mut self, checks: Vec<DoctorCheck>) {
        self.checks.extend(checks);
    }

    pub fn add_matrix(&mut self, rows: Vec<RoleSelftestResult>) {
        self.cells = rows.iter().flat_map(matrix::row_checks).collect();
        self.rows = rows;
    }

    /// Prints tables of the checks, the matrix and its problems; as JSON, one list in which each cell
    /// is a check.
    pub fn print(&self, printer: &OutputPrinter) -> Result<(), CommandError> {
        match printer.format() {
            OutputFormat::Table => printer.view(self),
            OutputFormat::Json => json_document(&self.all_checks().collect::<Vec<&DoctorCheck>>()),
            OutputFormat::Jsonl => json_lines(&self.all_checks().collect::<Vec<&DoctorCheck>>()),
        }
    }

    fn all_checks(&self) -> impl Iterator<Item = &DoctorCheck> {
        self.checks.iter().chain(&self.cells)
    }

    /// Returns the number of checks, including the cells.
    pub fn count(&self) -> usize {
        self.all_checks().count()
    }

    /// Returns the number of failed checks, including the cells.
    pub fn failed_count(&self) -> usize {
        self.all_checks()
            .filter(|check| check.status == CheckStatus::Failed)
            .count()
    }
}

impl OutputView for DoctorReport {
    fn render(&self, page: &mut OutputPage) {
        page.table(
            DoctorCheck::COLUMNS,
            self.checks.iter().map(TableRow::cells),
        );
        if self.rows.is_empty() {
            return;
        }
        page.section("Permission matrix, as tested");
        page.table(&matrix::columns(), self.rows.iter().map(matrix::row_cells));
        let has_problem = |check: &&DoctorCheck| check.status != CheckStatus::Ok;
        let problems: Vec<&DoctorCheck> = self.cells.iter().filter(has_problem).collect();
        if !problems.is_empty() {
            page.section("Cells with problems");
            page.table(
                DoctorCheck::COLUMNS,
                problems.into_iter().map(TableRow::cells),
            );
        }
    }
}

//! All that was found out, for people and for programs.

use eklavya_engine::selftest::RoleSelftestResult;
use serde::Serialize;

use super::{CheckStatus, DoctorCheck, matrix};
use crate::error::CommandError;
use crate::options::OutputFormat;
use crate::output::{OutputPage, OutputPrinter, OutputView, TableRow, json_document, json_lines};

/// The checks, and the permission matrix where it could be tried.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    checks: Vec<DoctorCheck>,
    /// Each cell of the matrix.
    cells: Vec<DoctorCheck>,
    #[serde(skip)]
    rows: Vec<RoleSelftestResult>,
}

impl DoctorReport {
    /// Adds a check.
    pub fn add(&mut self, check: DoctorCheck) {
        self.checks.push(check);
    }

    /// Adds checks.
    pub fn extend(&mut self, checks: Vec<DoctorCheck>) {
        self.checks.extend(checks);
    }

    /// Adds the rows of the matrix.
    pub fn add_matrix(&mut self, rows: Vec<RoleSelftestResult>) {
        self.cells = rows.iter().flat_map(matrix::row_checks).collect();
        self.rows = rows;
    }

    /// Prints it: for people the checks, the matrix and what is wrong with it; for programs one list,
    /// in which each cell is a check.
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

    /// Returns how many checks there are, the cells among them.
    pub fn count(&self) -> usize {
        self.all_checks().count()
    }

    /// Returns how many of them failed.
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
        page.section("Permission matrix, as it was tried");
        page.table(&matrix::columns(), self.rows.iter().map(matrix::row_cells));
        let wrong = |check: &&DoctorCheck| check.status != CheckStatus::Ok;
        let wrong: Vec<&DoctorCheck> = self.cells.iter().filter(wrong).collect();
        if !wrong.is_empty() {
            page.section("Cells that are not as they should be");
            page.table(DoctorCheck::COLUMNS, wrong.into_iter().map(TableRow::cells));
        }
    }
}

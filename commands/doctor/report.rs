//! All that was found out, for people and for programs.

use eklavya_engine::examine::RoleFinding;
use serde::Serialize;

use super::{Check, Status, matrix};
use crate::error::CommandError;
use crate::options::Format;
use crate::output::{Page, Printer, Row, View, json_document, json_lines};

/// The checks, and the permission matrix where it could be tried.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    checks: Vec<Check>,
    /// Each cell of the matrix.
    cells: Vec<Check>,
    #[serde(skip)]
    rows: Vec<RoleFinding>,
}

impl Report {
    /// Adds a check.
    pub fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Adds checks.
    pub fn extend(&mut self, checks: Vec<Check>) {
        self.checks.extend(checks);
    }

    /// Adds the rows of the matrix.
    pub fn matrix(&mut self, rows: Vec<RoleFinding>) {
        self.cells = rows.iter().flat_map(matrix::checks).collect();
        self.rows = rows;
    }

    /// Prints it: for people the checks, the matrix and what is wrong with it; for programs one list,
    /// in which each cell is a check.
    pub fn print(&self, printer: &Printer) -> Result<(), CommandError> {
        match printer.format() {
            Format::Table => printer.view(self),
            Format::Json => json_document(&self.all().collect::<Vec<&Check>>()),
            Format::Jsonl => json_lines(&self.all().collect::<Vec<&Check>>()),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().chain(&self.cells)
    }

    /// Returns how many checks there are, the cells among them.
    pub fn count(&self) -> usize {
        self.all().count()
    }

    /// Returns how many of them failed.
    pub fn failed(&self) -> usize {
        self.all()
            .filter(|check| check.status == Status::Failed)
            .count()
    }
}

impl View for Report {
    fn render(&self, page: &mut Page) {
        page.table(Check::COLUMNS, self.checks.iter().map(Row::cells));
        if self.rows.is_empty() {
            return;
        }
        page.section("Permission matrix, as it was tried");
        page.table(&matrix::columns(), self.rows.iter().map(matrix::cells));
        let wrong = |check: &&Check| check.status != Status::Ok;
        let wrong: Vec<&Check> = self.cells.iter().filter(wrong).collect();
        if !wrong.is_empty() {
            page.section("Cells that are not as they should be");
            page.table(Check::COLUMNS, wrong.into_iter().map(Row::cells));
        }
    }
}

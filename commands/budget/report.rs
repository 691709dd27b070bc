//! `eklavya budget report`

use eklavya_services::cost_report::{self, CostLine, CostReport};
use eklavya_services::projects;
use serde::Serialize;

use super::view::dollars;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Page, View};

const EXAMPLES: &str = "\
Examples:
  eklavya budget report shop
  eklavya budget report shop --output json | jq '.total.spentMicroUsd / 1000000'";

/// Report what a project cost, by role, task, agent, model and day
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,
}

/// What a project cost; amounts in micro-dollars.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportView {
    project: String,
    #[serde(flatten)]
    report: CostReport,
}

/// Runs `eklavya budget report`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let report = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(cost_report::report(&desk, project.id).await?)
    })?;
    let project = args.slug.clone();
    invocation.printer.view(&ReportView { project, report })
}

impl View for ReportView {
    fn render(&self, page: &mut Page) {
        let report = &self.report;
        page.fields([
            ("Project", self.project.clone()),
            ("Spent", dollars(report.total.spent)),
            ("Requests", report.total.requests.to_string()),
        ]);
        for (group, lines) in [
            ("role", &report.by_role),
            ("task", &report.by_task),
            ("agent", &report.by_agent),
            ("model", &report.by_model),
            ("day", &report.by_day),
        ] {
            if !lines.is_empty() {
                page.section(&format!("By {group}"));
                let columns = [group, "spent", "requests", "input", "output", "notes"];
                page.table(&columns, lines.iter().map(cells));
            }
        }
    }
}

fn cells(line: &CostLine) -> Vec<String> {
    vec![
        line.name.clone(),
        dollars(line.spent),
        line.requests.to_string(),
        line.usage.prompt().to_string(),
        line.usage.output.to_string(),
        notes(line),
    ]
}

/// Returns what stands behind an amount, where it is not simply what the endpoint charged.
fn notes(line: &CostLine) -> String {
    let notes = [
        (line.rehearsals, "by a rehearsal"),
        (line.upper_bounds, "at their upper bound"),
        (line.unknown_models, "at the dearest price (unknown model)"),
    ];
    let told: Vec<String> = notes
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    told.join(", ")
}

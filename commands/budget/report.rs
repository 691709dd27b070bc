//! `eklavya budget report`

use eklavya_services::cost_report::{self, CostGroup, CostReport};
use eklavya_services::projects;
use serde::Serialize;

use super::view::format_dollars;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output::{OutputPage, OutputView};

const EXAMPLES: &str = "\
Examples:
  eklavya budget report shop
  eklavya budget report shop --output json | jq '.total.spentMicroUsd / 1000000'";

/// Report what a project cost, by role, task, agent, model and day
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BudgetReportArgs {
    /// The project
    slug: String,
}

/// Amounts are in micro-dollars.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CostReportView {
    project: String,
    #[serde(flatten)]
    report: CostReport,
}

pub fn exec(invocation: &CommandInvocation, args: &BudgetReportArgs) -> Result<(), CommandError> {
    let report = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        Ok(cost_report::build_report(&data, project.id).await?)
    })?;
    let project = args.slug.clone();
    invocation.printer.view(&CostReportView { project, report })
}

impl OutputView for CostReportView {
    fn render(&self, page: &mut OutputPage) {
        let report = &self.report;
        page.fields([
            ("Project", self.project.clone()),
            ("Spent", format_dollars(report.total.spent)),
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
                page.table(&columns, lines.iter().map(cost_line_cells));
            }
        }
    }
}

fn cost_line_cells(line: &CostGroup) -> Vec<String> {
    vec![
        line.name.clone(),
        format_dollars(line.spent),
        line.requests.to_string(),
        line.usage.prompt_tokens().to_string(),
        line.usage.output.to_string(),
        cost_line_notes(line),
    ]
}

/// Returns notes on requests whose cost is not simply what the endpoint charged.
fn cost_line_notes(line: &CostGroup) -> String {
    let notes = [
        (line.rehearsals, "from a rehearsal"),
        (line.upper_bounds, "at their upper bound"),
        (line.unknown_models, "at the highest price (unknown model)"),
    ];
    let texts: Vec<String> = notes
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    texts.join(", ")
}

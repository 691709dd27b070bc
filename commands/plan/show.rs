//! `eklavya plan show`

use eklavya_core::money::MicroUsd;
use eklavya_core::plan::document::{CriterionCheck, PlanDocument, PlannedPreview, PlannedTask};
use eklavya_core::plan::{Plan, PlanState};
use eklavya_services::{ServiceError, plans, projects};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output::{self, OutputPage, OutputView, time};

const EXAMPLES: &str = "\
Examples:
  eklavya plan show shop
  eklavya plan show shop --output json | jq '.document.criteria'";

/// Show the newest plan of a project
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanShowArgs {
    /// The project
    slug: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanView {
    project: String,
    number: u32,
    status: &'static str,
    created_at: Timestamp,
    /// Why the plan was rejected.
    feedback: Option<String>,
    /// The sum of the estimates of all tasks, in micro-dollars.
    estimate_micro_usd: Option<MicroUsd>,
    /// The plan itself; null until an agent submits it.
    document: Option<PlanDocument>,
}

pub fn exec(invocation: &CommandInvocation, args: &PlanShowArgs) -> Result<(), CommandError> {
    let plan = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let plan = plans::newest(&data, &project).await?;
        Ok(plan.ok_or_else(|| ServiceError::NotFound {
            what: "plan of project",
            name: args.slug.clone(),
        })?)
    })?;
    invocation.printer.view(&PlanView::of(&args.slug, plan))
}

impl PlanView {
    fn of(project: &str, plan: Plan) -> Self {
        let estimate = plan.document.as_ref().map(total_estimate);
        Self {
            project: project.to_owned(),
            number: plan.number,
            status: plan.state.status(),
            created_at: plan.created_at,
            feedback: match plan.state {
                PlanState::Rejected { feedback, .. } => Some(feedback),
                PlanState::Drafting | PlanState::Proposed { .. } | PlanState::Approved { .. } => {
                    None
                }
            },
            estimate_micro_usd: estimate,
            document: plan.document,
        }
    }
}

fn total_estimate(document: &PlanDocument) -> MicroUsd {
    document.tasks.iter().map(PlannedTask::estimate).sum()
}

impl OutputView for PlanView {
    fn render(&self, page: &mut OutputPage) {
        let mut fields = vec![
            ("Project", self.project.clone()),
            ("Plan", self.number.to_string()),
            ("Status", output::state_words(self.status)),
            ("Started", time::format_timestamp(self.created_at)),
        ];
        fields.extend(self.feedback.clone().map(|text| ("Feedback", text)));
        if let Some(document) = &self.document {
            fields.push(("Tests", document.test_command.clone()));
            fields.push(("Preview", describe_preview(&document.preview)));
        }
        let estimate = self.estimate_micro_usd;
        fields.extend(estimate.map(|amount| ("Estimate", format!("${amount}"))));
        page.fields(fields);
        if let Some(document) = &self.document {
            render_document(document, page);
        }
    }
}

fn render_document(document: &PlanDocument, page: &mut OutputPage) {
    page.section("Summary");
    page.text(&document.summary);
    page.section("Features");
    page.table(
        &["id", "title", "description"],
        document.features.iter().map(|feature| {
            vec![
                feature.id.clone(),
                feature.title.clone(),
                feature.description.clone(),
            ]
        }),
    );
    page.section("Acceptance criteria");
    page.table(
        &["id", "feature", "criterion", "check"],
        document.criteria.iter().map(|criterion| {
            let check = describe_check(&criterion.check);
            vec![
                criterion.id.clone(),
                criterion.feature.clone(),
                criterion.text.clone(),
                check,
            ]
        }),
    );
    page.section("Tasks");
    page.table(
        &["id", "role", "title", "after", "criteria", "estimate"],
        document.tasks.iter().map(|task| {
            vec![
                task.id.clone(),
                task.role.clone(),
                task.title.clone(),
                task.depends_on.join(" "),
                task.criteria.join(" "),
                format!("${}", task.estimate()),
            ]
        }),
    );
}

fn describe_check(check: &CriterionCheck) -> String {
    match check {
        CriterionCheck::Command { command } => format!("$ {command}"),
        CriterionCheck::Review { instructions } => format!("review: {instructions}"),
    }
}

fn describe_preview(preview: &PlannedPreview) -> String {
    match preview {
        PlannedPreview::Static { directory } => format!("the files in {directory}"),
        PlannedPreview::Command {
            command,
            port,
            path,
        } => {
            format!("$ {command} (port {port}, {path})")
        }
    }
}

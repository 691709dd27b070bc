//! `eklavya plan show`

use eklavya_core::domain::money::MicroUsd;
use eklavya_core::domain::plan::{Plan, PlanState};
use eklavya_core::domain::plan_document::{Check, PlanDocument, PlannedTask, PreviewPlan};
use eklavya_services::{ServiceError, plans, projects};
use jiff::Timestamp;
use serde::Serialize;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Page, View, time};

const EXAMPLES: &str = "\
Examples:
  eklavya plan show shop
  eklavya plan show shop --output json | jq '.document.criteria'";

/// Show the newest plan of a project
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,
}

/// A plan.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanView {
    project: String,
    number: u32,
    status: &'static str,
    created_at: Timestamp,
    /// Why it was rejected.
    feedback: Option<String>,
    /// What the tasks are expected to cost together, in micro-dollars.
    estimate_micro_usd: Option<MicroUsd>,
    /// The plan itself, once there is one.
    document: Option<PlanDocument>,
}

/// Runs `eklavya plan show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let plan = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let plan = plans::newest(&desk, &project).await?;
        Ok(plan.ok_or_else(|| ServiceError::NotFound {
            what: "plan of project",
            name: args.slug.clone(),
        })?)
    })?;
    invocation.printer.view(&PlanView::of(&args.slug, plan))
}

impl PlanView {
    fn of(project: &str, plan: Plan) -> Self {
        let estimate = plan.document.as_ref().map(estimate);
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

fn estimate(document: &PlanDocument) -> MicroUsd {
    document.tasks.iter().map(PlannedTask::estimate).sum()
}

impl View for PlanView {
    fn render(&self, page: &mut Page) {
        let mut fields = vec![
            ("Project", self.project.clone()),
            ("Plan", self.number.to_string()),
            ("Status", self.status.to_owned()),
            ("Begun", time::moment(self.created_at)),
        ];
        fields.extend(self.feedback.clone().map(|text| ("Feedback", text)));
        if let Some(document) = &self.document {
            fields.push(("Tests", document.test_command.clone()));
            fields.push(("Preview", preview(&document.preview)));
        }
        let estimate = self.estimate_micro_usd;
        fields.extend(estimate.map(|amount| ("Estimate", format!("${amount}"))));
        page.fields(fields);
        if let Some(document) = &self.document {
            render(document, page);
        }
    }
}

fn render(document: &PlanDocument, page: &mut Page) {
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
            let check = check(&criterion.check);
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

fn check(check: &Check) -> String {
    match check {
        Check::Command { command } => format!("$ {command}"),
        Check::Review { instructions } => format!("review: {instructions}"),
    }
}

fn preview(preview: &PreviewPlan) -> String {
    match preview {
        PreviewPlan::Static { directory } => format!("the files in {directory}"),
        PreviewPlan::Command {
            command,
            port,
            path,
        } => {
            format!("$ {command} (port {port}, {path})")
        }
    }
}

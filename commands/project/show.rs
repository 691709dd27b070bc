//! `eklavya project show`

use eklavya_core::project::decision::Decision;
use eklavya_core::project::delivery::Delivery;
use eklavya_services::{deliveries, projects};
use eklavya_store::budgets::{self, Scope};
use eklavya_store::{decisions, priorities};

use super::view::{DecisionView, DeliveryView, ProjectView};
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya project show shop
  eklavya project show shop --output json | jq -r .status";

/// Show a project: its status, brief, decisions and delivery
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ProjectShowArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectShowArgs) -> Result<(), CommandError> {
    let view = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let delivery = deliveries::of_project(&data, &project).await?;
        let mut tx = data.begin_read().await?;
        let decisions = decisions::of_project(&mut tx, project.id).await?;
        let decisions = decisions.into_iter().map(decision_view).collect();
        let budget = budgets::find(&mut tx, Scope::Project(project.id)).await?;
        let priority = priorities::of_project(&mut tx, project.id).await?;
        Ok(ProjectView::new(
            &project,
            &budget,
            priority,
            decisions,
            delivery.map(delivery_view),
        ))
    })?;
    invocation.printer.view(&view)
}

fn decision_view(decision: Decision) -> DecisionView {
    DecisionView {
        subject: decision.subject,
        decision: decision.decision,
        feedback: decision.feedback,
        decided_by: decision.decided_by,
        decided_at: decision.decided_at,
    }
}

fn delivery_view(delivery: Delivery) -> DeliveryView {
    DeliveryView {
        commit: delivery.commit.to_string(),
        tag: delivery.tag,
        bundle: delivery.bundle,
        bundle_sha256: delivery.bundle_sha256,
        dossier_json: delivery.dossier_json,
        dossier_html: delivery.dossier_html,
        created_at: delivery.created_at,
    }
}

//! `eklavya budget show`

use eklavya_core::ledger::BudgetScope;
use eklavya_services::costs::CostTracker;
use eklavya_services::projects;

use super::view::BudgetView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya budget show
  eklavya budget show shop --output json";

/// Show limits, and the amounts spent and reserved
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BudgetShowArgs {
    /// Only show this project and its tasks
    slug: Option<String>,
}

pub fn exec(invocation: &CommandInvocation, args: &BudgetShowArgs) -> Result<(), CommandError> {
    let defaults = super::default_limits(invocation.config()?);
    let views = data_store::with_data_store(invocation, async |data| {
        let costs = CostTracker::new(data.clone(), defaults);
        let (scope, name, parts) = if let Some(slug) = &args.slug {
            let project = projects::find(&data, slug).await?;
            let mut tasks = costs.list_task_budgets(project.id).await?;
            for task in &mut tasks {
                task.name = format!("{slug} {}", task.name);
            }
            (BudgetScope::Project(project.id), slug.clone(), tasks)
        } else {
            let projects = costs.list_project_budgets().await?;
            (BudgetScope::All, "all projects".to_owned(), projects)
        };
        let whole = costs.find_budget(scope).await?;
        let mut views = vec![BudgetView::of(scope, name, &whole)];
        views.extend(
            parts
                .into_iter()
                .map(|part| BudgetView::of(part.scope, part.name, &part.budget)),
        );
        Ok(views)
    })?;
    invocation.printer.list(&views, "")
}

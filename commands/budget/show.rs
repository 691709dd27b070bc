//! `eklavya budget show`

use eklavya_core::ledger::BudgetScope;
use eklavya_services::costs::CostTracker;
use eklavya_services::{projects, tasks};

use super::view::BudgetView;
use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

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
        let mut scopes = Vec::new();
        if let Some(slug) = &args.slug {
            let project = projects::find(&data, slug).await?;
            scopes.push((BudgetScope::Project(project.id), slug.clone()));
            let tasks = tasks::list(&data, project.id).await?;
            scopes.extend(
                tasks
                    .into_iter()
                    .map(|task| (BudgetScope::Task(task.id), format!("{slug} {}", task.key))),
            );
        } else {
            scopes.push((BudgetScope::All, "all projects".to_owned()));
            let projects = projects::list(&data).await?;
            scopes.extend(
                projects
                    .into_iter()
                    .map(|project| (BudgetScope::Project(project.id), project.slug)),
            );
        }
        let costs = CostTracker::new(data.clone(), defaults);
        let mut views = Vec::new();
        for (scope, name) in scopes {
            let budget = costs.find_budget(scope).await?;
            views.push(BudgetView::of(scope, name, &budget));
        }
        Ok(views)
    })?;
    invocation.printer.list(&views, "")
}

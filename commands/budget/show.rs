//! `eklavya budget show`

use eklavya_core::domain::ledger::BudgetScope;
use eklavya_services::costs::Costs;
use eklavya_services::{projects, tasks};

use super::view::BudgetView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya budget show
  eklavya budget show shop --output json";

/// Show the limits, and what is spent and reserved against them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only that of this project, with its tasks
    slug: Option<String>,
}

/// Runs `eklavya budget show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let defaults = super::defaults(invocation.config()?);
    let views = desk::with(invocation, async |desk| {
        let mut scopes = Vec::new();
        if let Some(slug) = &args.slug {
            let project = projects::find(&desk, slug).await?;
            scopes.push((BudgetScope::Project(project.id), slug.clone()));
            let tasks = tasks::list(&desk, project.id).await?;
            scopes.extend(
                tasks
                    .into_iter()
                    .map(|task| (BudgetScope::Task(task.id), format!("{slug} {}", task.key))),
            );
        } else {
            scopes.push((BudgetScope::All, "all projects".to_owned()));
            let projects = projects::list(&desk).await?;
            scopes.extend(
                projects
                    .into_iter()
                    .map(|project| (BudgetScope::Project(project.id), project.slug)),
            );
        }
        let costs = Costs::new(desk.clone(), defaults);
        let mut views = Vec::new();
        for (scope, name) in scopes {
            let budget = costs.show(scope).await?;
            views.push(BudgetView::of(scope, name, &budget));
        }
        Ok(views)
    })?;
    invocation.printer.list(&views, "")
}

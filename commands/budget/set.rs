//! `eklavya budget set`

use eklavya_core::domain::ledger::BudgetScope;
use eklavya_core::domain::money::{InvalidAmount, MicroUsd};
use eklavya_services::ServiceError;
use eklavya_services::costs::Costs;
use eklavya_services::{Desk, agents, projects, tasks};

use super::view::BudgetView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya budget set shop --limit 50
  eklavya budget set shop --task T3 --limit 2.50
  eklavya budget set shop --task T3 --limit none
  eklavya budget set --all --limit 200";

/// Change the limit of a project, of one of its tasks or agents, or of everything
///
/// It counts from the next request on, for agents at work too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    #[arg(required_unless_present = "all")]
    slug: Option<String>,

    /// The limit in US dollars, or none
    #[arg(long, value_name = "USD", value_parser = limit)]
    limit: Limit,

    /// The limit of this task of the project
    #[arg(long, conflicts_with = "agent")]
    task: Option<String>,

    /// The limit of this agent of the project: the beginning of its id
    #[arg(long)]
    agent: Option<String>,

    /// The limit of all projects together, in place of budget.overallUsd
    #[arg(long, conflicts_with_all = ["slug", "task", "agent"])]
    all: bool,
}

/// A limit as it is typed.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<MicroUsd>);

fn limit(text: &str) -> Result<Limit, InvalidAmount> {
    match text {
        "none" => Ok(Limit(None)),
        amount => Ok(Limit(Some(amount.parse()?))),
    }
}

/// Runs `eklavya budget set`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let defaults = super::defaults(invocation.config()?);
    let view = desk::with(invocation, async |desk| {
        let (scope, name) = scope(&desk, args).await?;
        let costs = Costs::new(desk.clone(), defaults);
        costs.set_limit(&desk::actor(), scope, args.limit.0).await?;
        Ok(BudgetView::of(scope, name, &costs.show(scope).await?))
    })?;
    let limit = args
        .limit
        .0
        .map_or("none".to_owned(), |limit| format!("${limit}"));
    let message = format!("The limit of {} is {limit} now", view.name());
    invocation.printer.done(&message, &view)
}

/// Returns what the limit is set on, and its name for people.
async fn scope(desk: &Desk, args: &Args) -> Result<(BudgetScope, String), CommandError> {
    let Some(slug) = &args.slug else {
        return Ok((BudgetScope::All, "all projects".to_owned()));
    };
    let project = projects::find(desk, slug).await?;
    if let Some(key) = &args.task {
        let task = tasks::find(desk, &project, key).await?;
        return Ok((BudgetScope::Task(task.id), format!("task {key} of {slug}")));
    }
    if let Some(prefix) = &args.agent {
        let agent = agents::find(desk, prefix).await?;
        if agent.project != project.id {
            let name = prefix.clone();
            return Err(ServiceError::NotFound {
                what: "agent",
                name,
            }
            .into());
        }
        return Ok((
            BudgetScope::Agent(agent.id),
            format!("agent {} of {slug}", agent.id.short()),
        ));
    }
    Ok((BudgetScope::Project(project.id), slug.clone()))
}

//! `eklavya budget set`

use eklavya_core::ledger::BudgetScope;
use eklavya_core::money::{InvalidAmount, MicroUsd};
use eklavya_services::ServiceError;
use eklavya_services::costs::CostTracker;
use eklavya_services::{DataStore, agents, projects, tasks};

use super::view::BudgetView;
use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

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
pub struct BudgetSetArgs {
    /// The project
    #[arg(required_unless_present = "all")]
    slug: Option<String>,

    /// The limit in US dollars, or none
    #[arg(long, value_name = "USD", value_parser = parse_limit)]
    limit: LimitArg,

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
struct LimitArg(Option<MicroUsd>);

fn parse_limit(text: &str) -> Result<LimitArg, InvalidAmount> {
    match text {
        "none" => Ok(LimitArg(None)),
        amount => Ok(LimitArg(Some(amount.parse()?))),
    }
}

/// Runs `eklavya budget set`.
pub fn exec(invocation: &CommandInvocation, args: &BudgetSetArgs) -> Result<(), CommandError> {
    let defaults = super::default_limits(invocation.config()?);
    let view = data_store::with_data_store(invocation, async |data| {
        let (scope, name) = find_scope(&data, args).await?;
        let costs = CostTracker::new(data.clone(), defaults);
        costs
            .set_limit(&data_store::current_actor(), scope, args.limit.0)
            .await?;
        Ok(BudgetView::of(
            scope,
            name,
            &costs.find_budget(scope).await?,
        ))
    })?;
    let limit = args
        .limit
        .0
        .map_or("none".to_owned(), |limit| format!("${limit}"));
    let message = format!("The limit of {} is {limit} now", view.name());
    invocation.printer.done(&message, &view)
}

/// Returns what the limit is set on, and its name for people.
async fn find_scope(
    data: &DataStore,
    args: &BudgetSetArgs,
) -> Result<(BudgetScope, String), CommandError> {
    let Some(slug) = &args.slug else {
        return Ok((BudgetScope::All, "all projects".to_owned()));
    };
    let project = projects::find(data, slug).await?;
    if let Some(key) = &args.task {
        let task = tasks::find(data, &project, key).await?;
        return Ok((BudgetScope::Task(task.id), format!("task {key} of {slug}")));
    }
    if let Some(prefix) = &args.agent {
        let agent = agents::find(data, prefix).await?;
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

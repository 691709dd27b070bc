//! `eklavya budget set`

use eklavya_core::ledger::BudgetScope;
use eklavya_core::money::{InvalidAmount, MicroUsd};
use eklavya_services::ServiceError;
use eklavya_services::costs::CostTracker;
use eklavya_services::{DataStore, agents, projects, tasks};

use super::view::BudgetView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya budget set shop --limit 50
  eklavya budget set shop --task T3 --limit 2.50
  eklavya budget set shop --task T3 --limit none
  eklavya budget set --all --limit 200";

/// Set the limit of a project, of a task or agent, or of all projects together
///
/// The limit applies from the next request on, also to running agents.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BudgetSetArgs {
    /// The project
    #[arg(required_unless_present = "all")]
    slug: Option<String>,

    /// New limit in US dollars; `none` removes the limit
    #[arg(long, value_name = "USD", value_parser = parse_limit)]
    limit: LimitArg,

    /// Set the limit of this task of the project
    #[arg(long, conflicts_with = "agent")]
    task: Option<String>,

    /// Set the limit of this agent of the project: its id, or a unique prefix of it
    #[arg(long)]
    agent: Option<String>,

    /// Set the limit of all projects together, instead of `budget.overallUsd`
    #[arg(long, conflicts_with_all = ["slug", "task", "agent"])]
    all: bool,
}

/// A limit on the command line: an amount or `none`.
#[derive(Debug, Clone, Copy)]
struct LimitArg(Option<MicroUsd>);

fn parse_limit(text: &str) -> Result<LimitArg, InvalidAmount> {
    match text {
        "none" => Ok(LimitArg(None)),
        amount => Ok(LimitArg(Some(amount.parse()?))),
    }
}

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
    let message = format!("Set the limit of {} to {limit}", view.name());
    invocation.printer.done(&message, &view)
}

/// Returns what the limit applies to, and its name in messages.
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

//! `eklavya budget`

mod report;
mod set;
mod show;
mod view;

pub use view::format_dollars;

use clap::Subcommand;
use eklavya_config::Config;
use eklavya_services::costs::DefaultLimits;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Show and set limits, and report costs
#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    Show(show::BudgetShowArgs),
    Set(set::BudgetSetArgs),
    Report(report::BudgetReportArgs),
}

impl BudgetCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            BudgetCommand::Show(args) => show::exec(invocation, &args),
            BudgetCommand::Set(args) => set::exec(invocation, &args),
            BudgetCommand::Report(args) => report::exec(invocation, &args),
        }
    }
}

/// Returns the default limits that the configuration sets.
pub fn default_limits(config: &Config) -> DefaultLimits {
    DefaultLimits {
        all: config.budget.overall,
        task: config.budget.task,
        agent: config.budget.agent,
    }
}

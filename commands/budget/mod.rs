//! `eklavya budget`: limits, and what was spent.

mod report;
mod set;
mod show;
mod view;

pub use view::dollars;

use clap::Subcommand;
use eklavya_config::Config;
use eklavya_services::costs::DefaultLimits;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Show and change limits, and report what was spent
#[derive(Debug, Subcommand)]
pub enum Verb {
    Show(show::Args),
    Set(set::Args),
    Report(report::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Set(args) => set::exec(invocation, &args),
            Verb::Report(args) => report::exec(invocation, &args),
        }
    }
}

/// Returns the limits of the configuration.
pub fn defaults(config: &Config) -> DefaultLimits {
    DefaultLimits {
        all: config.budget.overall,
        task: config.budget.task,
        agent: config.budget.agent,
    }
}

//! `eklavya agents`

mod kill;
mod logs;
mod ps;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// List agents, read their transcripts, and kill them
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    Ps(ps::AgentsPsArgs),
    Logs(logs::AgentsLogsArgs),
    Kill(kill::AgentsKillArgs),
}

impl AgentsCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            AgentsCommand::Ps(args) => ps::exec(invocation, &args),
            AgentsCommand::Logs(args) => logs::exec(invocation, &args),
            AgentsCommand::Kill(args) => kill::exec(invocation, &args),
        }
    }
}

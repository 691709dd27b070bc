//! `eklavya demo`

mod approve;
mod build;
mod list;
mod logs;
mod open;
pub mod preview_host;
mod reject;
mod show;
mod stop;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Build rival demos and choose one
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    Build(build::DemoBuildArgs),
    List(list::DemoListArgs),
    Show(show::DemoShowArgs),
    Open(open::DemoOpenArgs),
    Logs(logs::DemoLogsArgs),
    Stop(stop::DemoStopArgs),
    Approve(approve::DemoApproveArgs),
    Reject(reject::DemoRejectArgs),
}

impl DemoCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            DemoCommand::Build(args) => build::exec(invocation, &args),
            DemoCommand::List(args) => list::exec(invocation, &args),
            DemoCommand::Show(args) => show::exec(invocation, &args),
            DemoCommand::Open(args) => open::exec(invocation, &args),
            DemoCommand::Logs(args) => logs::exec(invocation, &args),
            DemoCommand::Stop(args) => stop::exec(invocation, &args),
            DemoCommand::Approve(args) => approve::exec(invocation, args),
            DemoCommand::Reject(args) => reject::exec(invocation, args),
        }
    }
}

//! `eklavya audit`: who did what, and whether the record of it is whole.

mod export;
mod log;
mod verify;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Look at the audit trail, verify it, export it
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    Log(log::AuditLogArgs),
    Verify(verify::AuditVerifyArgs),
    Export(export::AuditExportArgs),
}

impl AuditCommand {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            AuditCommand::Log(args) => log::exec(invocation, &args),
            AuditCommand::Verify(args) => verify::exec(invocation, &args),
            AuditCommand::Export(args) => export::exec(invocation, &args),
        }
    }
}

/// What people read in place of a project where it is the installation's chain.
const INSTALLATION: &str = "(installation)";

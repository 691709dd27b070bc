//! `eklavya audit`

mod export;
mod log;
mod verify;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Show, verify and export the audit trail
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    Log(log::AuditLogArgs),
    Verify(verify::AuditVerifyArgs),
    Export(export::AuditExportArgs),
}

impl AuditCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            AuditCommand::Log(args) => log::exec(invocation, &args),
            AuditCommand::Verify(args) => verify::exec(invocation, &args),
            AuditCommand::Export(args) => export::exec(invocation, &args),
        }
    }
}

/// Shown instead of a project for the chain of the installation.
const INSTALLATION: &str = "(installation)";

//! `eklavya roles`

use eklavya::domain::role::Role;
use eklavya::sandbox::policy::{PolicyRow, policy};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::Row;

const EXAMPLES: &str = "\
Examples:
  eklavya roles
  eklavya roles --output json";

/// Show what each role may touch
///
/// The sandbox holds agents to this table.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

impl Row for PolicyRow {
    const COLUMNS: &'static [&'static str] = &[
        "role",
        "file system",
        "git",
        "terminal",
        "browser",
        "spawn agents",
        "network",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.role.to_owned(),
            self.file_system.clone(),
            self.git.to_owned(),
            self.terminal.to_owned(),
            self.browser.to_owned(),
            self.spawn_agents.to_owned(),
            self.network.to_owned(),
        ]
    }
}

/// Runs `eklavya roles`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let rows = Role::ALL.map(|role| policy(role).row());
    invocation.printer.list(&rows, "")
}

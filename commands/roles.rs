//! `eklavya roles`

use eklavya_config::EgressSettings;
use eklavya_core::agent::role::Role;
use eklavya_core::egress::{HostList, HostPattern};
use eklavya_sandbox::role_policy::{NetworkClass, PolicyRow, RolePolicy, role_policy};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::output::TableRow;

const EXAMPLES: &str = "\
Examples:
  eklavya roles
  eklavya roles --output json";

/// Show what each role may access
///
/// The sandbox enforces this table, and the gateway enforces the hosts of each network class
/// (docs/egress.md). With --output json, the hosts are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RolesArgs {}

/// A row of the table, and the hosts that its network class reaches with this configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleView {
    #[serde(flatten)]
    policy: PolicyRow,
    /// `nothing`, `egress.packages` or another list of the configuration, `own previews` or `public`.
    reaches: &'static str,
    /// The entries of that list, if the class has one.
    hosts: Option<Vec<String>>,
}

impl RoleView {
    fn new(policy: &RolePolicy, egress: &EgressSettings) -> Self {
        let entries =
            |list: &HostList| Some(list.patterns().iter().map(HostPattern::to_string).collect());
        let (reaches, hosts) = match policy.network {
            NetworkClass::Internal => ("nothing", None),
            NetworkClass::Research => ("egress.research", entries(&egress.research)),
            NetworkClass::PackageManagers => ("egress.packages", entries(&egress.packages)),
            NetworkClass::Metrics => ("egress.metrics", entries(&egress.metrics)),
            NetworkClass::TestOnly => ("own previews", None),
            NetworkClass::Full => ("public", None),
        };
        Self {
            policy: policy.to_row(),
            reaches,
            hosts,
        }
    }
}

impl TableRow for RoleView {
    const COLUMNS: &'static [&'static str] = &[
        "role",
        "file system",
        "git",
        "terminal",
        "browser",
        "spawn agents",
        "network",
        "reaches",
    ];

    fn cells(&self) -> Vec<String> {
        let row = &self.policy;
        let reaches = match &self.hosts {
            None => self.reaches.to_owned(),
            Some(hosts) => format!("{} ({})", self.reaches, hosts.len()),
        };
        vec![
            row.role.to_owned(),
            row.file_system.clone(),
            row.git.to_owned(),
            row.terminal.to_owned(),
            row.browser.to_owned(),
            row.spawn_agents.to_owned(),
            row.network.to_owned(),
            reaches,
        ]
    }
}

pub fn exec(invocation: &CommandInvocation, _: &RolesArgs) -> Result<(), CommandError> {
    let egress = &invocation.config()?.egress;
    let rows = Role::ALL.map(|role| RoleView::new(role_policy(role), egress));
    invocation.printer.list(&rows, "")
}

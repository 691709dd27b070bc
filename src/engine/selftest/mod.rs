//! The selftest of the permission matrix on this machine: each role tries what it may and may not do,
//! in a sandbox of its own with a door of the real gateway.
//!
//! The gateway reaches only a server of the selftest: no request leaves this machine.

mod browser;
pub(crate) mod gateway;
pub(crate) mod offered_tools;
mod preview;
mod server;

use std::path::Path;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;

pub use self::browser::{BrowserSelftestError, run_browser_selftest};
use crate::context::error::EngineError;
use crate::selftest::gateway::SelftestGateway;
use eklavya_core::agent::role::Role;
use eklavya_core::clock::SharedClock;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::selftest::{
    GuaranteeResult, MatrixCell, MatrixColumn, ProbeOutcome, TestWorkspace, judge_cell,
};
use eklavya_sandbox::{Sandbox, SandboxUser};

const PARALLEL_SANDBOXES: usize = 4;

/// What the selftest runs with.
#[derive(Debug)]
pub struct RoleSelftest<'a> {
    pub sandbox: &'a Sandbox,
    /// The user that processes run as if this process is root.
    pub user: SandboxUser,
    /// The directory in which it creates temporary directories.
    pub place: &'a Path,
    pub clock: SharedClock,
    /// The result for the browser, which is tested once for all roles that have one.
    pub browser: (GuaranteeResult, String),
}

/// The results of one row of the permission matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleSelftestResult {
    pub role: Role,
    /// In the order of [`MatrixColumn::ALL`].
    pub cells: Vec<MatrixCell>,
}

impl RoleSelftest<'_> {
    /// Returns the results of all roles, in the order of [`Role::ALL`]. The cells of a role whose
    /// sandbox does not start are reported as not enforced.
    ///
    /// # Errors
    /// The gateway of the selftest does not start.
    pub async fn run(&self) -> Result<Vec<RoleSelftestResult>, EngineError> {
        let gateway = SelftestGateway::new(self.place, self.clock.clone()).await?;
        let brokered =
            offered_tools::probe_brokered_command(self.sandbox, self.user, self.place).await;
        let rows = stream::iter(Role::ALL)
            .map(|role| self.test_role(&gateway, role, &brokered))
            .buffered(PARALLEL_SANDBOXES)
            .collect()
            .await;
        gateway.close().await;
        Ok(rows)
    }

    async fn test_role(
        &self,
        gateway: &SelftestGateway,
        role: Role,
        brokered: &(GuaranteeResult, String),
    ) -> RoleSelftestResult {
        let outcomes = self.run_role_attempts(gateway, role).await;
        let cell = |column| match column {
            MatrixColumn::Browser => offered_tools::browser_cell(role, &self.browser),
            MatrixColumn::SpawnAgents => offered_tools::spawn_cell(role),
            MatrixColumn::Terminal => offered_tools::terminal_cell(
                role,
                self.judge_column(role, column, &outcomes),
                brokered,
            ),
            MatrixColumn::FileSystem | MatrixColumn::Git | MatrixColumn::Network => {
                self.judge_column(role, column, &outcomes)
            }
        };
        RoleSelftestResult {
            role,
            cells: MatrixColumn::ALL.map(cell).into(),
        }
    }

    async fn run_role_attempts(
        &self,
        gateway: &SelftestGateway,
        role: Role,
    ) -> Result<Vec<ProbeOutcome>, EngineError> {
        let workspace = TestWorkspace::new(self.sandbox, role, Some(self.user), self.place)?;
        let (door, reachable) =
            gateway.open_door(&workspace, self.sandbox.effective_user(Some(self.user)))?;
        let outcomes = self.sandbox.probe_role(&workspace, &reachable).await;
        door.close().await;
        Ok(outcomes?)
    }

    fn judge_column(
        &self,
        role: Role,
        column: MatrixColumn,
        outcomes: &Result<Vec<ProbeOutcome>, EngineError>,
    ) -> MatrixCell {
        match outcomes {
            Ok(outcomes) => {
                judge_cell(role_policy(role), column, outcomes, self.sandbox.landlock())
            }
            Err(error) => MatrixCell {
                column,
                state: GuaranteeResult::No,
                detail: format!("cannot be tested: {error}"),
            },
        }
    }
}

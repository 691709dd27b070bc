//! What holds on this machine of the permission matrix, cell by cell, by trying it: each role's
//! attempts in a sandbox of its own, with a door of the real gateway.
//!
//! Beyond the door are servers of the examination's own: nothing outside of this machine is asked.

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

/// Sandboxes at a time.
const AT_A_TIME: usize = 4;

/// What is examined, and by what.
#[derive(Debug)]
pub struct RoleSelftest<'a> {
    /// The isolation.
    pub sandbox: &'a Sandbox,
    /// Whom root becomes.
    pub user: SandboxUser,
    /// The directory below which it makes directories of its own, for as long as it takes.
    pub place: &'a Path,
    /// The time.
    pub clock: SharedClock,
    /// What was found of the browser, which is tried once for all roles that have one.
    pub browser: (GuaranteeResult, String),
}

/// A row of the permission matrix, tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleSelftestResult {
    /// The role.
    pub role: Role,
    /// Its cells, in the order of [`Column::ALL`].
    pub cells: Vec<MatrixCell>,
}

impl RoleSelftest<'_> {
    /// Returns what was found of each role, in the order of [`Role::ALL`]. A role whose sandbox
    /// cannot be started has cells that do not hold.
    ///
    /// # Errors
    /// What the roles try themselves on could not be set up.
    pub async fn run(&self) -> Result<Vec<RoleSelftestResult>, EngineError> {
        let world = SelftestGateway::new(self.place, self.clock.clone()).await?;
        let brokered =
            offered_tools::probe_brokered_command(self.sandbox, self.user, self.place).await;
        let rows = stream::iter(Role::ALL)
            .map(|role| self.test_role(&world, role, &brokered))
            .buffered(AT_A_TIME)
            .collect()
            .await;
        world.close().await;
        Ok(rows)
    }

    async fn test_role(
        &self,
        world: &SelftestGateway,
        role: Role,
        brokered: &(GuaranteeResult, String),
    ) -> RoleSelftestResult {
        let tried = self.run_role_attempts(world, role).await;
        let cell = |column| match column {
            MatrixColumn::Browser => offered_tools::browser_cell(role, &self.browser),
            MatrixColumn::SpawnAgents => offered_tools::spawn_cell(role),
            MatrixColumn::Terminal => offered_tools::terminal_cell(
                role,
                self.judge_column(role, column, &tried),
                brokered,
            ),
            MatrixColumn::FileSystem | MatrixColumn::Git | MatrixColumn::Network => {
                self.judge_column(role, column, &tried)
            }
        };
        RoleSelftestResult {
            role,
            cells: MatrixColumn::ALL.map(cell).into(),
        }
    }

    async fn run_role_attempts(
        &self,
        world: &SelftestGateway,
        role: Role,
    ) -> Result<Vec<ProbeOutcome>, EngineError> {
        let ground = TestWorkspace::new(self.sandbox, role, Some(self.user), self.place)?;
        let (door, beyond) =
            world.open_door(&ground, self.sandbox.effective_user(Some(self.user)))?;
        let tried = self.sandbox.probe_role(&ground, &beyond).await;
        door.close().await;
        Ok(tried?)
    }

    fn judge_column(
        &self,
        role: Role,
        column: MatrixColumn,
        tried: &Result<Vec<ProbeOutcome>, EngineError>,
    ) -> MatrixCell {
        match tried {
            Ok(outcomes) => {
                judge_cell(role_policy(role), column, outcomes, self.sandbox.landlock())
            }
            Err(error) => MatrixCell {
                column,
                state: GuaranteeResult::No,
                detail: format!("it could not be tried: {error}"),
            },
        }
    }
}

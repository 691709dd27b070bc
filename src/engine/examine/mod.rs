//! What holds on this machine of the permission matrix, cell by cell, by trying it: each role's
//! attempts in a sandbox of its own, with a door of the real gateway.
//!
//! Beyond the door are servers of the examination's own: nothing outside of this machine is asked.

mod beyond;
mod browser;
mod offers;
mod preview;
mod server;

use std::path::Path;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use self::beyond::World;
pub use self::browser::{BrowserFault, try_browser};
use super::error::WorkflowError;
use eklavya_core::clock::SharedClock;
use eklavya_core::domain::role::Role;
use eklavya_sandbox::examine::{Cell, Column, Ground, Holds, Outcome, judge};
use eklavya_sandbox::policy::policy;
use eklavya_sandbox::{Sandbox, User};

/// Sandboxes at a time.
const AT_A_TIME: usize = 4;

/// What is examined, and by what.
#[derive(Debug)]
pub struct Examination<'a> {
    /// The isolation.
    pub sandbox: &'a Sandbox,
    /// Whom root becomes.
    pub user: User,
    /// The directory below which it makes directories of its own, for as long as it takes.
    pub place: &'a Path,
    /// The time.
    pub clock: SharedClock,
    /// What was found of the browser, which is tried once for all roles that have one.
    pub browser: (Holds, String),
}

/// A row of the permission matrix, tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFinding {
    /// The role.
    pub role: Role,
    /// Its cells, in the order of [`Column::ALL`].
    pub cells: Vec<Cell>,
}

impl Examination<'_> {
    /// Returns what was found of each role, in the order of [`Role::ALL`]. A role whose sandbox
    /// cannot be started has cells that do not hold.
    ///
    /// # Errors
    /// What the roles try themselves on could not be set up.
    pub async fn run(&self) -> Result<Vec<RoleFinding>, WorkflowError> {
        let world = World::new(self.place, self.clock.clone()).await?;
        let brokered = offers::try_command(self.sandbox, self.user, self.place).await;
        let rows = stream::iter(Role::ALL)
            .map(|role| self.row(&world, role, &brokered))
            .buffered(AT_A_TIME)
            .collect()
            .await;
        world.close().await;
        Ok(rows)
    }

    async fn row(&self, world: &World, role: Role, brokered: &(Holds, String)) -> RoleFinding {
        let tried = self.try_out(world, role).await;
        let cell = |column| match column {
            Column::Browser => offers::browser(role, &self.browser),
            Column::SpawnAgents => offers::spawn(role),
            Column::Terminal => offers::terminal(role, self.judge(role, column, &tried), brokered),
            Column::FileSystem | Column::Git | Column::Network => self.judge(role, column, &tried),
        };
        RoleFinding {
            role,
            cells: Column::ALL.map(cell).into(),
        }
    }

    async fn try_out(&self, world: &World, role: Role) -> Result<Vec<Outcome>, WorkflowError> {
        let ground = Ground::new(self.sandbox, role, Some(self.user), self.place)?;
        let (door, beyond) = world.open_door(&ground, self.sandbox.becomes(Some(self.user)))?;
        let tried = self.sandbox.try_role(&ground, &beyond).await;
        door.close().await;
        Ok(tried?)
    }

    fn judge(
        &self,
        role: Role,
        column: Column,
        tried: &Result<Vec<Outcome>, WorkflowError>,
    ) -> Cell {
        match tried {
            Ok(outcomes) => judge(policy(role), column, outcomes, self.sandbox.landlock()),
            Err(error) => Cell {
                column,
                state: Holds::No,
                detail: format!("it could not be tried: {error}"),
            },
        }
    }
}

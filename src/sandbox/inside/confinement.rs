//! Starting a program behind the walls that stand inside a sandbox.
//!
//! `sandbox-init` itself stays in front of them: it forwards to a unix socket, which its program
//! may not. Both walls, Landlock and seccomp, belong to a thread and are handed on to what it
//! starts. So a thread raises them, starts the program, and ends.

use std::io;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use super::seccomp;
use crate::inside::landlock_rules::LandlockRules;
use crate::spec::AllowedSockets;

/// The walls around a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// What it may do with files, and with which ports.
    pub landlock: Option<LandlockRules>,
    /// Which system calls it may make.
    pub sockets: Option<AllowedSockets>,
}

impl Confinement {
    /// Starts `command` behind them. `door` is the port that leads out.
    pub(crate) fn spawn(&self, mut command: Command, door: Option<u16>) -> io::Result<Child> {
        if *self == Self::default() {
            return command.spawn();
        }
        let runtime = Handle::current();
        let start = || {
            self.enforce(door).map_err(io::Error::other)?;
            let _runtime = runtime.enter();
            command.spawn()
        };
        let gone = |_| io::Error::other("the thread that starts the program is gone");
        std::thread::scope(|scope| scope.spawn(start).join().map_err(gone)?)
    }

    fn enforce(&self, door: Option<u16>) -> Result<(), String> {
        if let Some(territory) = &self.landlock {
            territory.enforce(door)?;
        }
        // After Landlock, whose own calls need not be allowed then.
        match self.sockets {
            Some(sockets) => seccomp::install_filters(sockets)
                .map_err(|error| format!("cannot filter system calls: {error}")),
            None => Ok(()),
        }
    }
}

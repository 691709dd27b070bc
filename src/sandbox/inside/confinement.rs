//! Starting a program behind Landlock and seccomp.
//!
//! `sandbox-init` itself is not confined: it forwards to a unix socket, which its program may not
//! do. Landlock and seccomp apply to a thread and to what that thread starts. So a thread confines
//! itself, starts the program, and ends.

use std::io;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use super::landlock_rules::LandlockRules;
use super::seccomp::{self, AllowedSockets};

/// The restrictions of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// The files and ports that it may use.
    pub landlock: Option<LandlockRules>,
    /// The sockets that its system calls may create; `None` if no filter is installed.
    pub sockets: Option<AllowedSockets>,
}

impl Confinement {
    /// Starts `command` confined. `door` is the port that leads out.
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
        let panicked = |_| io::Error::other("the thread that starts the program panicked");
        std::thread::scope(|scope| scope.spawn(start).join().map_err(panicked)?)
    }

    fn enforce(&self, door: Option<u16>) -> Result<(), String> {
        if let Some(rules) = &self.landlock {
            rules.enforce(door)?;
        }
        // After Landlock, so that the filter need not allow the system calls of Landlock.
        match self.sockets {
            Some(sockets) => seccomp::install_filters(sockets)
                .map_err(|error| format!("cannot filter system calls: {error}")),
            None => Ok(()),
        }
    }
}

//! Leases: which worker works on a project.

pub mod monitor;

use std::time::Duration;

use jiff::Timestamp;

use super::ids::ProjectId;

/// The right to work on a project. Each project that was ever worked on has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub project: ProjectId,
    /// Incremented by each acquisition, never decremented.
    pub fence: i64,
    /// `None` if the lease is free.
    pub holder: Option<LeaseHolder>,
}

/// The worker that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Unique over all workers.
    pub worker: String,
    /// The machine's name, for display.
    pub machine: String,
    /// The host on which the process id is valid: a boot of a machine and a process namespace.
    pub host: String,
    pub pid: u32,
    /// The process's start time in clock ticks since boot, which tells it from a later process with
    /// the same id.
    pub process_start: i64,
    /// How often the lease was renewed.
    pub renewals: i64,
    /// When the lease was acquired, by the database's clock.
    pub acquired_at: Timestamp,
    /// When the lease was last acquired or renewed, by the database's clock.
    pub heartbeat: Timestamp,
    /// When the lease expires unless it is renewed, by the database's clock.
    pub expires_at: Timestamp,
}

impl LeaseHolder {
    /// Returns the duration of the lease.
    pub fn term(&self) -> Duration {
        let term = self.expires_at.duration_since(self.heartbeat);
        Duration::try_from(term).unwrap_or_default()
    }
}

impl std::fmt::Display for LeaseHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {}", self.pid)?;
        if !self.machine.is_empty() {
            write!(f, " on {}", self.machine)?;
        }
        write!(f, ", since {}", self.acquired_at)
    }
}

/// A lease as its holder has it. Each write of a worker is checked against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    pub project: ProjectId,
    pub slug: String,
    /// The fence of this acquisition.
    pub fence: i64,
    pub worker: String,
}

impl HeldLease {
    /// Returns whether `lease` is still held under this fence.
    pub fn matches(&self, lease: &Lease) -> bool {
        let holder = lease.holder.as_ref();
        self.fence == lease.fence && holder.is_some_and(|holder| holder.worker == self.worker)
    }
}

/// Returns the interval at which a lease of this term is renewed.
pub fn renewal_interval(term: Duration) -> Duration {
    const LONGEST: Duration = Duration::from_secs(2);
    (term / 5).min(LONGEST)
}

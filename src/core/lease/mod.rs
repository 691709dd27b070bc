//! Leases: who works on a project, and how it is told from those before and after.

pub mod monitor;

use std::time::Duration;

use jiff::Timestamp;

use super::ids::ProjectId;

/// The right to work on a project. There is one for every project that was ever worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The project.
    pub project: ProjectId,
    /// The number of the last tenure. It rises with every acquisition and never falls.
    pub fence: i64,
    /// Who holds it, if anybody does.
    pub holder: Option<LeaseHolder>,
}

/// The worker that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Its name, which no other one ever has.
    pub worker: String,
    /// The name of its machine, for people.
    pub machine: String,
    /// Where its process id means something: a boot of a machine and a namespace of processes.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// That process's start time in clock ticks since boot, which tells it from a later one.
    pub process_start: i64,
    /// How often it has renewed the lease.
    pub renewals: i64,
    /// Since when it holds the lease, by the database's clock.
    pub acquired_at: Timestamp,
    /// When it took or renewed it last, by the database's clock.
    pub heartbeat: Timestamp,
    /// When the lease runs out unless it is renewed, by the database's clock.
    pub expires_at: Timestamp,
}

impl LeaseHolder {
    /// Returns for how long the lease is taken at a time.
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

/// One time of holding a lease: what every write of a worker is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    /// The project.
    pub project: ProjectId,
    /// Its name on the command line.
    pub slug: String,
    /// The number of the tenure.
    pub fence: i64,
    /// The worker.
    pub worker: String,
}

impl HeldLease {
    /// Whether `lease` is still held for this tenure.
    pub fn matches(&self, lease: &Lease) -> bool {
        let holder = lease.holder.as_ref();
        self.fence == lease.fence && holder.is_some_and(|holder| holder.worker == self.worker)
    }
}

/// Returns how often a lease of this term is renewed.
pub fn renewal_interval(term: Duration) -> Duration {
    const LONGEST: Duration = Duration::from_secs(2);
    (term / 5).min(LONGEST)
}

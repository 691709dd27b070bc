//! Workers, their jobs and leases, and the limits that workers share.

pub mod capacity_waits;
pub mod installation;
pub mod jobs;
pub mod leases;
pub mod rate_limits;
pub mod workers;

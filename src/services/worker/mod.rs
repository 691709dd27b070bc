//! Workers, their jobs and leases, and the limits that workers share.

pub mod capacity;
mod job_request;
pub mod jobs;
pub mod leases;
pub mod shared_limits;
pub mod workers;

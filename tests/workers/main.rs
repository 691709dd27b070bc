//! Background workers: the work of `--detach` continues if a worker dies, each job has one worker
//! at a time, and the agents of all processes share the limits of the machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod capacity;
mod detached;
mod job_queue;
mod job_requests;
mod lifecycle;
mod slots;

//! Background workers: what `--detach` hands them goes on, whatever becomes of one of them; each job
//! is one worker's; and the agents of all processes keep to the limits of the machine.

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

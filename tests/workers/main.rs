//! Background workers: what `--detach` hands them goes on, whatever becomes of one of them; each job
//! is one worker's; and the agents of all processes keep to the limits of the machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/bill.rs"]
mod bill;
#[path = "../support/books.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod books;
#[path = "../support/caller.rs"]
mod caller;
#[path = "../support/claude.rs"]
mod claude;
#[path = "../support/database.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod database;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/remains.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod remains;
#[path = "../support/running.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod running;
#[path = "../support/studio.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod studio;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod support;
#[path = "../support/upstream.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod upstream;

mod asking;
mod contract;
mod crew;
mod detached;
mod lives;
mod share;
mod slots;

/// The script that the stories play.
const SCRIPT: &str = include_str!("../faults/script.yaml");

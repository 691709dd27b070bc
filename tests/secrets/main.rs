//! Secrets: known values are put wherever any can be configured, a whole story is played with
//! commands that print them, and then they are searched for in everything that it left.

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
#[path = "../workers/crew.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod crew;
#[path = "../support/database.rs"]
#[allow(dead_code, reason = "other binaries use the rest")]
mod database;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/redis.rs"]
mod redis;
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

mod canaries;
mod late;
mod left;
mod processes;
mod script;
mod story;

/// The script that studios play unless they say otherwise.
const SCRIPT: &str = include_str!("../faults/script.yaml");

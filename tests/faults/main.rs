//! Faults, money and the environment: what must not be lost, spent twice, or left behind when
//! something breaks. Every story runs the built binary, the real Claude Code CLI and the real
//! gateway against an endpoint that plays a script and bills.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/bill.rs"]
mod bill;
#[path = "../support/books.rs"]
mod books;
#[path = "../support/caller.rs"]
mod caller;
#[path = "../support/claude.rs"]
mod claude;
#[path = "../support/namespace.rs"]
mod namespace;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/remains.rs"]
mod remains;
#[path = "../support/running.rs"]
mod running;
#[path = "../support/studio.rs"]
mod studio;
#[path = "../support/mod.rs"]
#[expect(
    dead_code,
    reason = "faults need a studio; only what commands left behind is the same"
)]
mod support;
#[path = "../support/upstream.rs"]
#[expect(dead_code, reason = "other binaries use the rest")]
mod upstream;

mod budget;
mod disk;
mod endpoint;
mod environment;
mod frozen;
mod hang;
mod interrupt;
mod kill;
mod ledger;
mod outage;

/// The script that most stories play.
const SCRIPT: &str = include_str!("script.yaml");

/// Returns the exit code and what is said about it; how the work went before is left out.
fn complaint(outcome: &support::Outcome) -> String {
    let said = outcome.stderr.lines();
    let kept = said.filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
    let kept: Vec<&str> = kept.collect();
    format!("exit {}\n{}", outcome.code, kept.join("\n"))
}

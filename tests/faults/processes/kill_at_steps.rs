//! kill -9 at every step that is recorded in the database: right before its commit and right after.

use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::fixtures::commit_tripwires::{CommitTripwires, TransactionPoint};
use crate::fixtures::verdict::FaultVerdict;

/// The time between two checks for a new step.
const PAUSE: Duration = Duration::from_millis(2);

#[test]
fn work_survives_a_kill_at_every_step() {
    let install = TestInstall::on_postgres(&crate::idempotent_script(SCRIPT));
    let mut wires = CommitTripwires::install(&install);
    let mut kills = 0;
    for stage in STAGES {
        while let Some(point) = kill_at_next_step(&install, stage, &mut wires) {
            println!("{stage:?}: killed at {point:?}");
            kills += 1;
        }
    }
    println!("{kills} kills");
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
    let met = wires.met_steps();
    for step in [
        "agent.advance be completed",
        "evidence.record",
        "ledger settled",
        "plan.advance approved",
        "project.advance be delivered",
        "task.advance T# be accepted",
    ] {
        assert!(met.contains(&step), "{step} was not reached: {met:#?}");
    }
}

/// Runs a stage up to the next new step and kills the command there. Returns nothing if the stage
/// completes.
fn kill_at_next_step(
    install: &TestInstall,
    stage: &[&str],
    wires: &mut CommitTripwires,
) -> Option<TransactionPoint> {
    let mut running = install.start(stage);
    while !running.has_ended() {
        if let Some(point) = wires.next_point() {
            // Dropping the command kills it.
            drop(running);
            wires.release_dead_transactions();
            return Some(point);
        }
        std::thread::sleep(PAUSE);
    }
    let outcome = running.wait();
    // A decision that was committed before the command was killed cannot be made again.
    let decided = stage[1] == "approve" && outcome.code == 4;
    if !decided {
        outcome.ok();
    }
    None
}

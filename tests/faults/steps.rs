//! kill -9 at every step that is ever written down: right before it is durable, and right after.

use std::time::Duration;

use crate::SCRIPT;
use crate::books::Unsent;
use crate::studio::{STAGES, Studio};
use crate::tripwire::{Place, Tripwires};

/// How often the test looks.
const PAUSE: Duration = Duration::from_millis(2);

#[test]
fn the_work_survives_a_kill_at_every_step() {
    let studio = Studio::on_postgres(&crate::repeatable(SCRIPT));
    let mut wires = Tripwires::lay(&studio);
    let mut kills = 0;
    for stage in STAGES {
        while let Some(place) = run(&studio, stage, &mut wires) {
            println!("{stage:?}: killed at {place:?}");
            kills += 1;
        }
    }
    println!("{kills} kills");
    studio.assert_as_without_the_fault(Unsent::Possible);
    let met = wires.met();
    for step in [
        "agent.advance be completed",
        "evidence.record",
        "ledger settled",
        "plan.advance approved",
        "project.advance be delivered",
        "task.advance T# be accepted",
    ] {
        assert!(met.contains(&step), "{step} was not met: {met:#?}");
    }
}

/// Runs a stage up to the next step that is new and kills it there; nothing where it gets to its
/// end.
fn run(studio: &Studio, stage: &[&str], wires: &mut Tripwires) -> Option<Place> {
    let mut running = studio.start(stage);
    while !running.is_over() {
        if let Some(place) = wires.look() {
            // It is killed.
            drop(running);
            wires.clear();
            return Some(place);
        }
        std::thread::sleep(PAUSE);
    }
    let outcome = running.wait();
    // A decision that had been written down when the command was killed cannot be made again.
    let decided = stage[1] == "approve" && outcome.code == 4;
    if !decided {
        outcome.ok();
    }
    None
}

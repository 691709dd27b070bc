//! kill -9 at a hundred random moments, on both databases at the same time.

use std::thread;
use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::fixtures::seeded_random::SeededRandom;
use crate::fixtures::verdict::FaultVerdict;

/// How many kills each stage gets: in proportion to how long it takes.
const KILLS: [usize; 7] = [15, 1, 10, 1, 15, 6, 2];

#[test]
fn work_survives_kills_at_a_hundred_random_moments() {
    let dice = SeededRandom::new("moments");
    let script = crate::idempotent_script(SCRIPT);
    thread::scope(|scope| {
        for (number, create) in [TestInstall::new, TestInstall::on_postgres]
            .into_iter()
            .enumerate()
        {
            let (mut dice, script) = (dice.fork(number), &script);
            scope.spawn(move || kill_and_resume(&create(script), &mut dice));
        }
    });
}

fn kill_and_resume(install: &TestInstall, dice: &mut SeededRandom) {
    for (stage, kills) in STAGES.into_iter().zip(KILLS) {
        for _ in 0..kills {
            let running = install.start(stage);
            thread::sleep(random_delay(dice));
            // Dropping the command kills it if it still runs.
            drop(running);
        }
        let outcome = install.run(stage);
        // A decision that was committed before the command was killed cannot be made again.
        if stage[1] != "approve" || outcome.code != 4 {
            outcome.ok();
        }
    }
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
}

/// Returns a time from some milliseconds to some seconds. All orders of magnitude are equally
/// likely, so that kills also hit the beginning, where a worker recovers the state that the worker
/// before left.
fn random_delay(dice: &mut SeededRandom) -> Duration {
    let longest: f64 = 4000.0;
    Duration::from_secs_f64(10.0 * (longest / 10.0).powf(dice.next_fraction()) / 1000.0)
}

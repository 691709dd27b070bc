//! kill -9 at a hundred moments that nobody chose, on both databases at the same time.

use std::thread;
use std::time::Duration;

use crate::SCRIPT;
use crate::books::Unsent;
use crate::dice::Dice;
use crate::studio::{STAGES, Studio};

/// How many kills each stage gets: in proportion to how long it takes.
const KILLS: [usize; 7] = [15, 1, 10, 1, 15, 6, 2];

#[test]
fn the_work_survives_kills_at_a_hundred_random_moments() {
    let dice = Dice::new("moments");
    let script = crate::repeatable(SCRIPT);
    thread::scope(|scope| {
        for (number, place) in [Studio::new, Studio::on_postgres].into_iter().enumerate() {
            let (mut dice, script) = (dice.part(number), &script);
            scope.spawn(move || survive(&place(script), &mut dice));
        }
    });
}

fn survive(studio: &Studio, dice: &mut Dice) {
    for (stage, kills) in STAGES.into_iter().zip(KILLS) {
        for _ in 0..kills {
            let running = studio.start(stage);
            thread::sleep(moment(dice));
            // It is killed, if it has not ended yet.
            drop(running);
        }
        let outcome = studio.run(stage);
        // A decision that had been written down when the command was killed cannot be made again.
        if stage[1] != "approve" || outcome.code != 4 {
            outcome.ok();
        }
    }
    studio.assert_as_without_the_fault(Unsent::Possible);
}

/// Returns a time from some milliseconds to some seconds; all orders of magnitude are as likely, so
/// that the beginning, where a worker puts in order what the one before left, is hit as well.
fn moment(dice: &mut Dice) -> Duration {
    let longest: f64 = 4000.0;
    Duration::from_secs_f64(10.0 * (longest / 10.0).powf(dice.fraction()) / 1000.0)
}

//! A bus that is killed, comes back empty, or stands still: it carries news only, so nothing is
//! lost with it.

use std::thread;
use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::redis_server::TestRedis;

use crate::seeded_random::SeededRandom;
use crate::verdict::FaultVerdict;

#[test]
fn the_work_goes_on_whatever_becomes_of_redis() {
    let mut redis = TestRedis::start();
    let mut install = TestInstall::on_postgres(SCRIPT);
    install.set_variable("EKLAVYA_BUS_URL", &redis.url());
    let mut dice = SeededRandom::new("bus");
    for (number, stage) in STAGES.into_iter().enumerate() {
        let running = install.start(stage);
        thread::sleep(Duration::from_millis(
            300 + 100 * dice.next_below(10) as u64,
        ));
        match number {
            // Away for a moment, and everything that it held is gone.
            0 | 3 => redis.restart(),
            2 => {
                redis.freeze();
                thread::sleep(Duration::from_secs(2));
                redis.thaw();
            }
            // Away until the end.
            4 => redis.kill(),
            _ => {}
        }
        let outcome = running.wait().ok();
        if number == 4 {
            assert!(
                outcome.stderr.contains("Redis is unavailable"),
                "{outcome:#?}"
            );
            redis.restart();
        }
    }
    install.assert_delivered_despite_fault(UnsentRequests::Impossible);
    install.assert_nothing_was_done_twice();
}

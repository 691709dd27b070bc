//! A bus that is killed, restarts empty, or freezes. It carries only notifications, so no state is
//! lost.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::servers::redis::TestRedis;
use eklavya_testkit::upstream::ScriptedReply;
use tokio::sync::Notify;

use crate::fixtures::seeded_random::SeededRandom;
use crate::fixtures::verdict::FaultVerdict;

const FENCE: &str = "SELECT CAST(fence AS TEXT) FROM leases";

#[test]
fn work_continues_if_redis_restarts_freezes_or_dies() {
    let mut redis = TestRedis::start();
    let mut install = TestInstall::on_postgres(SCRIPT);
    install.set_variable("EKLAVYA_BUS_URL", &redis.url());
    let mut dice = SeededRandom::new("bus");
    // In the last case the command notices the loss of Redis before its work can end.
    let noticed = Arc::new(Notify::new());
    let gate = Arc::clone(&noticed);
    install.upstream.answer_with(move |request| {
        if request.is_step("T1", 0) && request.again == 0 {
            ScriptedReply::PlayAfter(Arc::clone(&gate))
        } else {
            ScriptedReply::Play
        }
    });
    for (number, stage) in STAGES.into_iter().enumerate() {
        let before = install.query_column(FENCE);
        let running = install.start(stage);
        // A command that finds no bus when it starts refuses to work, so the fault waits until the
        // command has its lease. A decision takes no lease and continues without a bus.
        assert!(stage[1] == "approve" || wait_until(|| install.query_column(FENCE) != before));
        thread::sleep(Duration::from_millis(100 * dice.next_below(10) as u64));
        match number {
            // Redis restarts and has lost all its data.
            0 | 3 => redis.restart(),
            2 => {
                redis.freeze();
                thread::sleep(Duration::from_secs(2));
                redis.thaw();
            }
            // Redis is down until the stage ends.
            4 => {
                redis.kill();
                let away = || running.stderr().contains("Redis is unavailable");
                assert!(wait_until(away), "{}", running.stderr());
                noticed.notify_one();
            }
            _ => {}
        }
        running.wait().ok();
        if number == 4 {
            redis.restart();
        }
    }
    install.assert_delivered_despite_fault(UnsentRequests::Impossible);
    install.assert_nothing_was_done_twice();
}

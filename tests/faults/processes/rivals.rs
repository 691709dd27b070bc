//! Several workers on one project: one works, one waits, one has lost its lease.

use std::thread;
use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::running::{RunningCommand, wait_until};
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::ScriptedReply;
use nix::sys::signal::Signal;

use crate::fixtures::seeded_random::SeededRandom;
use crate::fixtures::verdict::FaultVerdict;

const FENCE: &str = "SELECT CAST(fence AS TEXT) FROM leases";

#[test]
fn a_second_worker_waits_or_exits_while_the_first_holds_the_lease() {
    let install = TestInstall::on_postgres(&crate::idempotent_script(SCRIPT));
    let stage = STAGES[0];
    install.upstream.answer_with(|request| {
        match (request.is_step("plan-1-architecture", 0), request.again) {
            (true, 0) => ScriptedReply::Hang,
            _ => ScriptedReply::Play,
        }
    });
    let first = install.start(stage);
    install
        .upstream
        .wait_for_request(|request| request.role == "architect");
    let second = install.run(stage).assert_exit_code(4);
    assert!(second.stderr.contains("is working on shop"), "{second:#?}");
    let waits = install.start(&[stage, &["--wait"]].concat());
    assert!(wait_until(|| waits.catches(Signal::SIGINT)));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(install.query_column(FENCE), ["1"]);
    // A live worker keeps its lease even if a clock was set forward by an hour.
    install.execute_sql(
        "UPDATE leases SET heartbeat = heartbeat - 3600000000, lease_until = lease_until - 3600000000",
    );
    let third = install.run(stage).assert_exit_code(4);
    assert!(third.stderr.contains("is working on shop"), "{third:#?}");
    first.kill_and_wait();
    waits.wait().ok();
    // The waiting worker has taken the lease over.
    assert_eq!(install.query_column(FENCE), ["2"]);
    // Any number of workers can be started at the same time.
    for stage in &STAGES[1..] {
        if stage[1] == "approve" {
            install.run(stage).ok();
        } else {
            let all = [(); 3].map(|()| install.start(&[*stage, &["--wait"]].concat()));
            all.into_iter()
                .map(RunningCommand::wait)
                .for_each(|one| drop(one.ok()));
        }
    }
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
    install.assert_nothing_was_done_twice();
}

#[test]
fn a_worker_frozen_at_random_changes_nothing_after_a_takeover() {
    let mut install = TestInstall::on_postgres(&crate::idempotent_script(SCRIPT));
    // Short, but long enough to be renewed in time on a busy machine.
    install.set_variable("EKLAVYA_WORKER_LEASE_SECONDS", "5");
    let mut dice = SeededRandom::new("rivals");
    let mut woken = 0;
    for stage in STAGES {
        if stage[1] == "approve" {
            install.run(stage).ok();
            continue;
        }
        let Some(sleeper) = freeze_at_random(&install, stage, &mut dice) else {
            continue;
        };
        woken += 1;
        let before = install.query_column(FENCE);
        let successor = install.start(&[stage, &["--wait"]].concat());
        assert!(wait_until(|| install.query_column(FENCE) != before));
        thread::sleep(Duration::from_millis(100 * dice.next_below(20) as u64));
        sleeper.signal(Signal::SIGCONT);
        let late = sleeper.wait();
        successor.wait().ok();
        assert_ne!(late.code, 0, "{stage:?}: {late:#?}");
        println!("{stage:?}: {}", crate::error_lines(&late));
    }
    // Some stages may end before the freeze, but not all of them.
    assert!(woken >= 1);
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
}

/// Returns a worker that was stopped at a random moment of its work, or nothing if the work ended
/// before.
fn freeze_at_random(
    install: &TestInstall,
    stage: &[&str],
    dice: &mut SeededRandom,
) -> Option<RunningCommand> {
    let before = install.query_column(FENCE);
    let mut running = install.start(stage);
    assert!(wait_until(|| install.query_column(FENCE) != before));
    thread::sleep(Duration::from_millis(100 * dice.next_below(15) as u64));
    if running.has_ended() {
        return None;
    }
    if !running.stop() {
        return None;
    }
    let held = "SELECT project_id FROM leases WHERE worker IS NOT NULL";
    if install.query_column(held).is_empty() {
        running.signal(Signal::SIGCONT);
        running.wait().ok();
        return None;
    }
    Some(running)
}

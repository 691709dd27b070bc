//! Several workers on one project: one works, one waits, one comes too late.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::SCRIPT;
use crate::books::Unsent;
use crate::dice::Dice;
use crate::running::{Running, eventually};
use crate::studio::{STAGES, Studio};
use crate::upstream::Reply;

const FENCE: &str = "SELECT CAST(fence AS TEXT) FROM leases";

#[test]
fn of_two_workers_one_works_and_the_other_waits_or_goes() {
    let studio = Studio::on_postgres(&crate::repeatable(SCRIPT));
    let stage = STAGES[0];
    studio.upstream.answers(
        |asked| match (asked.is("plan-1-architecture", 0), asked.again) {
            (true, 0) => Reply::Hang,
            _ => Reply::Play,
        },
    );
    let first = studio.start(stage);
    studio.upstream.wait_for(|asked| asked.role == "architect");
    let second = studio.run(stage).exits(4);
    assert!(second.stderr.contains("is working on shop"), "{second:#?}");
    let waits = studio.start(&[stage, &["--wait"]].concat());
    thread::sleep(Duration::from_millis(500));
    assert_eq!(studio.ask(FENCE), ["1"]);
    // A clock that was set forward by an hour takes nothing from the living.
    studio.meddle(
        "UPDATE leases SET heartbeat = heartbeat - 3600000000, lease_until = lease_until - 3600000000",
    );
    let third = studio.run(stage).exits(4);
    assert!(third.stderr.contains("is working on shop"), "{third:#?}");
    first.kill_9();
    waits.wait().ok();
    // It has begun where the first one ended.
    assert_eq!(studio.ask(FENCE), ["2"]);
    // Any number of them, at the same time.
    for stage in &STAGES[1..] {
        if stage[1] == "approve" {
            studio.run(stage).ok();
        } else {
            let all = [(); 3].map(|()| studio.start(&[*stage, &["--wait"]].concat()));
            all.into_iter()
                .map(Running::wait)
                .for_each(|one| drop(one.ok()));
        }
    }
    studio.assert_as_without_the_fault(Unsent::Possible);
    studio.assert_nothing_was_done_twice();
}

#[test]
fn a_worker_that_wakes_up_after_its_time_can_do_nothing_more() {
    let mut studio = Studio::on_postgres(&crate::repeatable(SCRIPT));
    studio.set("EKLAVYA_WORKER_LEASE_SECONDS", "2");
    let mut dice = Dice::new("rivals");
    let mut woken = 0;
    for stage in STAGES {
        if stage[1] == "approve" {
            studio.run(stage).ok();
            continue;
        }
        let Some(sleeper) = fall_asleep(&studio, stage, &mut dice) else {
            continue;
        };
        woken += 1;
        let before = studio.ask(FENCE);
        let heir = studio.start(&[stage, &["--wait"]].concat());
        assert!(eventually(|| studio.ask(FENCE) != before));
        thread::sleep(Duration::from_millis(100 * dice.below(20) as u64));
        sleeper.signal(Signal::SIGCONT);
        let late = sleeper.wait();
        heir.wait().ok();
        assert_ne!(late.code, 0, "{stage:?}: {late:#?}");
        println!("{stage:?}: {}", crate::complaint(&late));
    }
    // Stages may be too quick for it, but not all of them.
    assert!(woken >= 1);
    studio.assert_as_without_the_fault(Unsent::Possible);
}

/// Returns a worker that was stopped at some moment of its work; nothing where that was over before.
fn fall_asleep(studio: &Studio, stage: &[&str], dice: &mut Dice) -> Option<Running> {
    let before = studio.ask(FENCE);
    let mut running = studio.start(stage);
    assert!(eventually(|| studio.ask(FENCE) != before));
    thread::sleep(Duration::from_millis(100 * dice.below(15) as u64));
    if running.is_over() {
        return None;
    }
    running.signal(Signal::SIGSTOP);
    let held = "SELECT project_id FROM leases WHERE worker IS NOT NULL";
    if studio.ask(held).is_empty() {
        running.signal(Signal::SIGCONT);
        running.wait().ok();
        return None;
    }
    Some(running)
}

//! A worker that is frozen past its lease, as a suspended machine is, and woken when another one has
//! taken the project over.

use nix::sys::signal::Signal;

use crate::running::{Running, eventually};
use crate::studio::{STAGES, Studio};
use crate::upstream::{Asked, Reply};
use crate::{SCRIPT, complaint};

const WAITING: &[&str] = &["plan", "shop", "--wait"];

/// Returns a studio whose leases are short, and a worker that is frozen in the middle of its work:
/// its agent waits for an answer that never comes.
fn with_a_frozen_worker() -> (Studio, Running) {
    let mut studio = Studio::new(SCRIPT);
    studio.set("EKLAVYA_WORKER_LEASE_SECONDS", "2");
    studio.upstream.answers(|asked| match asked {
        asked if is_held(asked) && asked.again == 0 => Reply::Hang,
        _ => Reply::Play,
    });
    let frozen = studio.start(STAGES[0]);
    let asked = studio.upstream.wait_for(is_held);
    studio.wait_until_recorded(&asked);
    studio.freeze(&frozen);
    (studio, frozen)
}

fn is_held(asked: &Asked) -> bool {
    asked.role == "pm" && asked.step == 1
}

#[test]
fn what_it_still_does_counts_for_nothing() {
    let (studio, frozen) = with_a_frozen_worker();
    studio.run(WAITING).ok();
    // Its agents were ended before the next one began.
    studio.assert_no_agent_process();
    let before = (studio.dump(), studio.refs(), studio.upstream.log().len());
    frozen.signal(Signal::SIGCONT);
    let ended = frozen.wait().exits(4);
    insta::assert_snapshot!("frozen", complaint(&ended));
    let after = (studio.dump(), studio.refs(), studio.upstream.log().len());
    assert_eq!(before, after);
    studio.assert_no_agent_process();

    studio.run_stages(1..STAGES.len());
    insta::assert_snapshot!("final_tree", studio.tree());
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
}

#[test]
fn it_does_not_disturb_the_one_who_took_over() {
    let (studio, frozen) = with_a_frozen_worker();
    let next = studio.start(WAITING);
    studio
        .upstream
        .wait_for(|asked| is_held(asked) && asked.again == 1);
    frozen.signal(Signal::SIGCONT);
    let ended = frozen.wait().exits(4);
    assert!(
        ended.stderr.contains("the lease on shop was lost"),
        "{}",
        ended.stderr
    );
    next.wait().ok();
    studio.assert_no_agent_process();
    let held = "SELECT worker FROM leases WHERE worker IS NOT NULL";
    assert_eq!(studio.ask(held), [""; 0]);
    let fences = studio.ask("SELECT DISTINCT CAST(fence AS TEXT) FROM agents ORDER BY 1");
    assert_eq!(fences, ["1", "2"]);
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
}

#[test]
fn who_does_not_wait_is_told_who_holds_the_project() {
    let (mut studio, frozen) = with_a_frozen_worker();
    studio.set("EKLAVYA_WORKER_LEASE_SECONDS", "30");
    frozen.signal(Signal::SIGCONT);
    let refused = studio.run(STAGES[0]).exits(4);
    let holder = format!("another process (pid {}", frozen.id());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
    // Whoever waits can be told not to.
    let waiting = studio.start(WAITING);
    assert!(eventually(|| waiting.catches(Signal::SIGINT)));
    waiting.signal(Signal::SIGINT);
    waiting.wait().exits(130);
    let deciding = studio.start(&["plan", "approve", "shop", "--yes", "--wait"]);
    assert!(eventually(|| deciding.catches(Signal::SIGINT)));
    deciding.signal(Signal::SIGINT);
    deciding.wait().exits(130);
    frozen.kill_9();
    studio.run(STAGES[0]).ok();
}

//! A worker that is frozen past the end of its lease, as on a suspended machine, and woken after
//! another worker has taken the project over.

use eklavya_testkit::install::running::{RunningCommand, wait_until};
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};
use nix::sys::signal::Signal;

use crate::error_lines;

const WAITING: &[&str] = &["plan", "shop", "--wait"];

/// Returns an installation whose leases are short, and a worker that is frozen in the middle of its
/// work: its agent waits for an answer that never comes.
fn install_with_frozen_worker() -> (TestInstall, RunningCommand) {
    let mut install = TestInstall::new(SCRIPT);
    // Short, but long enough to be renewed in time on a busy machine.
    install.set_variable("EKLAVYA_WORKER_LEASE_SECONDS", "5");
    install.upstream.answer_with(|request| match request {
        request if is_held_request(request) && request.again == 0 => ScriptedReply::Hang,
        _ => ScriptedReply::Play,
    });
    let frozen = install.start(STAGES[0]);
    let request = install.upstream.wait_for_request(is_held_request);
    install.wait_until_recorded(&request);
    install.freeze_outside_transaction(&frozen);
    (install, frozen)
}

fn is_held_request(request: &RecordedRequest) -> bool {
    request.role == "pm" && request.step == 1
}

#[test]
fn a_frozen_worker_changes_nothing_after_a_takeover() {
    let (install, frozen) = install_with_frozen_worker();
    install.run(WAITING).ok();
    // The next worker ended the agents of the frozen worker before it started its own.
    install.assert_no_agent_process();
    let before = (
        install.dump_rows(),
        install.refs(),
        install.upstream.requests().len(),
    );
    frozen.signal(Signal::SIGCONT);
    let ended = frozen.wait().assert_exit_code(4);
    insta::assert_snapshot!("frozen", error_lines(&ended));
    let after = (
        install.dump_rows(),
        install.refs(),
        install.upstream.requests().len(),
    );
    assert_eq!(before, after);
    install.assert_no_agent_process();

    install.run_stages(1..STAGES.len());
    insta::assert_snapshot!("final_tree", install.tree());
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn a_woken_worker_does_not_disturb_the_running_successor() {
    let (install, frozen) = install_with_frozen_worker();
    let next = install.start(WAITING);
    install
        .upstream
        .wait_for_request(|request| is_held_request(request) && request.again == 1);
    frozen.signal(Signal::SIGCONT);
    let ended = frozen.wait().assert_exit_code(4);
    assert!(
        ended.stderr.contains("lost the lease on shop"),
        "{}",
        ended.stderr
    );
    next.wait().ok();
    install.assert_no_agent_process();
    let held = "SELECT worker FROM leases WHERE worker IS NOT NULL";
    assert_eq!(install.query_column(held), [""; 0]);
    let fences = install.query_column("SELECT DISTINCT CAST(fence AS TEXT) FROM agents ORDER BY 1");
    assert_eq!(fences, ["1", "2"]);
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn a_command_without_wait_names_the_lease_holder() {
    let (mut install, frozen) = install_with_frozen_worker();
    install.set_variable("EKLAVYA_WORKER_LEASE_SECONDS", "30");
    frozen.signal(Signal::SIGCONT);
    let refused = install.run(STAGES[0]).assert_exit_code(4);
    let holder = format!("another process (pid {}", frozen.id());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
    // Waiting commands can be interrupted.
    let waiting = install.start(WAITING);
    assert!(wait_until(|| waiting.catches(Signal::SIGINT)));
    waiting.signal(Signal::SIGINT);
    waiting.wait().assert_exit_code(130);
    let deciding = install.start(&["plan", "approve", "shop", "--yes", "--wait"]);
    assert!(wait_until(|| deciding.catches(Signal::SIGINT)));
    deciding.signal(Signal::SIGINT);
    deciding.wait().assert_exit_code(130);
    frozen.kill_and_wait();
    install.run(STAGES[0]).ok();
}

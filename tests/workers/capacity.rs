//! The limit of agents of the machine, and the messages while agents wait for a slot.

use std::sync::Arc;

use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::workers::WorkerInstall;
use eklavya_testkit::upstream::ScriptedReply;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::Notify;

#[test]
fn agents_of_all_processes_share_one_limit_and_waiting_is_shown() {
    let mut install = WorkerInstall::new();
    install.0.set_variable("EKLAVYA_WORKER_AGENTS", "1");
    let new = ["project", "new", "Cafe", "--brief", "brief.md"];
    install
        .run(&[&new[..], &["--client", "Ada", "--budget", "25", "--yes"]].concat())
        .ok();
    let text = Arc::new(Notify::new());
    let gate = Arc::clone(&text);
    install.upstream.answer_with(move |request| match request {
        request if request.role == "pm" && request.project == "shop" && request.step == 0 => {
            ScriptedReply::PlayAfter(Arc::clone(&gate))
        }
        _ => ScriptedReply::Play,
    });
    let worker = install.start_worker(&[]);
    let shop = install.detach(&["plan", "shop"]);
    install
        .upstream
        .wait_for_request(|request| request.project == "shop");
    // A worker plans shop and this command plans cafe in the foreground: they share one limit.
    let cafe = install.start(&["plan", "cafe"]);
    let mut status = Value::Null;
    let waits = wait_until(|| {
        status = install.run_json(&["status", "cafe"])[0].take();
        status["waiting"].is_string()
    });
    assert!(waits, "{status:#}");
    let reason = status["waiting"].as_str().unwrap();
    assert!(reason.contains("worker.agents"), "{reason}");
    let is_reported = || cafe.stderr().contains("cafe is waiting for capacity");
    assert!(wait_until(is_reported), "{}", cafe.stderr());
    assert_eq!(install.upstream.requests().len(), 1);
    text.notify_one();
    cafe.wait().ok();
    install.wait_for_status(&shop, "done");
    let status = install.run_json(&["status", "cafe"]);
    assert_eq!(status[0]["waiting"], Value::Null);
    worker.signal(Signal::SIGTERM);
    worker.wait().ok();
}

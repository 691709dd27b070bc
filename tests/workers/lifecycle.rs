//! Workers that are killed, drained or stopped, and jobs that are cancelled or wait.

use std::sync::Arc;

use eklavya_testkit::install::STAGES;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::workers::WorkerInstall;
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::Notify;

const PLAN: &[&str] = STAGES[0];

/// Whether this is the first attempt of the PM's second request, after it has written its document.
fn is_second_pm_request(request: &RecordedRequest) -> bool {
    request.role == "pm" && request.step == 1 && request.again == 0
}

/// Answers the PM's second request with `reply`.
fn answer_pm(install: &WorkerInstall, reply: ScriptedReply) {
    install.upstream.answer_with(move |request| match request {
        request if is_second_pm_request(request) => reply.clone(),
        _ => ScriptedReply::Play,
    });
}

#[track_caller]
fn assert_planned_once(install: &WorkerInstall) {
    let log = install.upstream.requests();
    let steps: Vec<(&str, usize)> = log
        .iter()
        .filter(|request| request.whole)
        .map(|request| (request.role.as_str(), request.step))
        .collect();
    assert_eq!(
        steps,
        [("pm", 0), ("pm", 1), ("architect", 0), ("architect", 1)]
    );
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
    install.assert_no_agent_process();
}

#[test]
fn another_worker_takes_over_the_job_of_a_killed_worker() {
    let install = WorkerInstall::new();
    answer_pm(&install, ScriptedReply::Hang);
    let first = install.start_worker(&[]);
    let other = install.start_worker(&["--output", "jsonl"]);
    let job = install.detach(PLAN);
    assert_eq!(job["workerLog"], Value::Null);
    let request = install.upstream.wait_for_request(is_second_pm_request);
    install.wait_until_recorded(&request);
    let taken = install.wait_for_status(&job, "running");
    let workers = install.workers();
    let holder = workers
        .iter()
        .find(|w| w["name"] == taken["worker"])
        .unwrap();
    assert_eq!(holder["jobs"], serde_json::json!(["shop plan"]));
    // Kill the worker that has the job.
    let (killed, successor) = if holder["pid"] == first.id() {
        (first, other)
    } else {
        (other, first)
    };
    killed.kill_and_wait();
    let done = install.wait_for_status(&job, "done");
    assert_eq!(
        (&done["attempt"], &done["worker"]),
        (&2.into(), &Value::Null)
    );
    successor.signal(Signal::SIGTERM);
    successor.wait().ok();
    assert_eq!(install.workers(), [Value::Null; 0]);
    assert_planned_once(&install);
}

#[test]
fn a_draining_worker_lets_agents_finish_and_requeues_its_job() {
    let install = WorkerInstall::new();
    let text = Arc::new(Notify::new());
    answer_pm(&install, ScriptedReply::PlayAfter(Arc::clone(&text)));
    let worker = install.start_worker(&["--drain-seconds", "3600"]);
    let job = install.detach(PLAN);
    install.upstream.wait_for_request(is_second_pm_request);
    worker.signal(Signal::SIGTERM);
    assert!(wait_until(|| worker.stderr().contains("no more jobs")));
    let draining = || install.workers()[0]["status"] == "draining";
    assert!(wait_until(draining), "{:#?}", install.workers());
    text.notify_one();
    worker.wait().ok();
    let job = install.wait_for_status(&job, "queued");
    assert!(
        job["outcome"]
            .as_str()
            .unwrap()
            .contains("the worker is shutting down")
    );
    assert_eq!(
        install.query_column("SELECT status FROM agents"),
        ["completed"]
    );
    let status = install.run_json(&["status", "shop"]);
    assert_eq!(status[0]["jobs"][0]["forgotten"], true);

    install.run(&["worker", "--until-idle"]).ok();
    assert_eq!(install.wait_for_status(&job, "done")["attempt"], 2);
    assert_planned_once(&install);
}

#[test]
fn a_worker_without_drain_time_interrupts_agents_and_keeps_their_work() {
    let install = WorkerInstall::new();
    answer_pm(&install, ScriptedReply::Hang);
    let worker = install.start_worker(&["--drain-seconds", "0", "--output", "jsonl"]);
    let job = install.detach(PLAN);
    let request = install.upstream.wait_for_request(is_second_pm_request);
    install.wait_until_recorded(&request);
    worker.signal(Signal::SIGINT);
    let lines = worker.wait().ok().stdout;
    let lines: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let events: Vec<&str> = lines.iter().map(|l| l["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        [
            "worker:registered",
            "job:started",
            "worker:draining",
            "job:ended"
        ]
    );
    assert_eq!(
        (&lines[3]["end"], &lines[3]["job"]),
        (&"queued".into(), &job["id"])
    );
    assert_eq!(
        install.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );
    install.run(&["worker", "--until-idle"]).ok();
    assert_planned_once(&install);
}

#[test]
fn a_cancelled_job_stops_and_a_failed_job_affects_no_other_job() {
    let install = WorkerInstall::new();
    answer_pm(&install, ScriptedReply::Hang);
    let worker = install.start_worker(&[]);
    let job = install.detach(PLAN);
    install.upstream.wait_for_request(is_second_pm_request);
    let id = job["id"].as_str().unwrap();
    let cancelled = install.run_json(&["jobs", "cancel", &id[..8]]);
    assert_eq!(cancelled["status"], "cancelling");
    install.wait_for_status(&job, "cancelled");
    install.run(&["jobs", "cancel", id]).assert_exit_code(4);
    assert_eq!(
        install.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );

    // The repository of this project cannot be created, because a file blocks its path.
    let new = ["project", "new", "Broken", "--brief", "brief.md"];
    install
        .run(&[&new[..], &["--client", "Ada", "--budget", "1", "--yes"]].concat())
        .ok();
    block_repository_path(&install);
    let broken = install.detach(&["plan", "broken"]);
    let again = install.detach(PLAN);
    let failed = install.wait_for_status(&broken, "failed");
    assert!(
        failed["outcome"].is_string() && failed["exitCode"] != 0,
        "{failed:#}"
    );
    install.wait_for_status(&again, "done");
    worker.signal(Signal::SIGTERM);
    worker.wait().ok();
}

fn block_repository_path(install: &WorkerInstall) {
    std::fs::write(install.home().join("projects/broken"), "in the way").unwrap();
}

#[test]
fn the_job_of_a_paused_project_waits_until_the_project_resumes() {
    let install = WorkerInstall::new();
    answer_pm(&install, ScriptedReply::Hang);
    let worker = install.start_worker(&[]);
    let job = install.detach(PLAN);
    install.upstream.wait_for_request(is_second_pm_request);
    install.run(&["project", "pause", "shop"]).ok();
    let requeued = install.wait_for_status(&job, "queued");
    assert!(requeued["outcome"].as_str().unwrap().contains("paused"));
    // The job of a paused project does not keep a worker from exiting when it is idle.
    install.run(&["worker", "--until-idle"]).ok();
    assert_eq!(install.wait_for_status(&job, "queued")["attempt"], 1);
    worker.signal(Signal::SIGTERM);
    worker.wait().ok();
    // `project resume` starts a worker if none is running.
    install.run(&["project", "resume", "shop"]).ok();
    install.wait_for_status(&job, "done");
}

//! What becomes of a worker, and of its jobs: killed, drained, told to stop.

use std::sync::Arc;

use eklavya_testkit::install::STAGES;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::workers::WorkerInstall;
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::Notify;

const PLAN: &[&str] = STAGES[0];

/// The second request of the PM, after it has written its document, for the first time.
fn is_second_pm_request(asked: &RecordedRequest) -> bool {
    asked.role == "pm" && asked.step == 1 && asked.again == 0
}

/// Has the PM's second request answered by `reply`.
fn answer_pm(crew: &WorkerInstall, reply: ScriptedReply) {
    crew.upstream.answer_with(move |asked| match asked {
        asked if is_second_pm_request(asked) => reply.clone(),
        _ => ScriptedReply::Play,
    });
}

#[track_caller]
fn assert_planned_once(crew: &WorkerInstall) {
    let log = crew.upstream.requests();
    let steps: Vec<(&str, usize)> = log
        .iter()
        .filter(|asked| asked.whole)
        .map(|asked| (asked.role.as_str(), asked.step))
        .collect();
    assert_eq!(
        steps,
        [("pm", 0), ("pm", 1), ("architect", 0), ("architect", 1)]
    );
    crew.assert_ledger_equals_bill();
    crew.assert_nothing_was_done_twice();
    crew.assert_no_agent_process();
}

#[test]
fn a_killed_worker_s_job_is_another_s() {
    let crew = WorkerInstall::new();
    answer_pm(&crew, ScriptedReply::Hang);
    let first = crew.start_worker(&[]);
    let other = crew.start_worker(&["--output", "jsonl"]);
    let job = crew.detach(PLAN);
    assert_eq!(job["workerLog"], Value::Null);
    let asked = crew.upstream.wait_for_request(is_second_pm_request);
    crew.wait_until_recorded(&asked);
    let taken = crew.wait_for_status(&job, "running");
    let workers = crew.workers();
    let holder = workers
        .iter()
        .find(|w| w["name"] == taken["worker"])
        .unwrap();
    assert_eq!(holder["jobs"], serde_json::json!(["shop plan"]));
    // Whichever of the two has it.
    let (killed, heir) = if holder["pid"] == first.id() {
        (first, other)
    } else {
        (other, first)
    };
    killed.kill_and_wait();
    let done = crew.wait_for_status(&job, "done");
    assert_eq!(
        (&done["attempt"], &done["worker"]),
        (&2.into(), &Value::Null)
    );
    heir.signal(Signal::SIGTERM);
    heir.wait().ok();
    assert_eq!(crew.workers(), [Value::Null; 0]);
    assert_planned_once(&crew);
}

#[test]
fn a_drained_worker_lets_agents_finish_and_leaves_the_rest() {
    let crew = WorkerInstall::new();
    let said = Arc::new(Notify::new());
    answer_pm(&crew, ScriptedReply::PlayAfter(Arc::clone(&said)));
    let worker = crew.start_worker(&["--drain-seconds", "3600"]);
    let job = crew.detach(PLAN);
    crew.upstream.wait_for_request(is_second_pm_request);
    worker.signal(Signal::SIGTERM);
    assert!(wait_until(|| worker.stderr().contains("no more jobs")));
    assert_eq!(crew.workers()[0]["status"], "draining");
    said.notify_one();
    worker.wait().ok();
    let job = crew.wait_for_status(&job, "queued");
    assert!(job["outcome"].as_str().unwrap().contains("the worker ends"));
    assert_eq!(
        crew.query_column("SELECT status FROM agents"),
        ["completed"]
    );
    let status = crew.run_json(&["status", "shop"]);
    assert_eq!(status[0]["jobs"][0]["forgotten"], true);

    crew.run(&["worker", "--until-idle"]).ok();
    assert_eq!(crew.wait_for_status(&job, "done")["attempt"], 2);
    assert_planned_once(&crew);
}

#[test]
fn a_worker_that_must_not_wait_keeps_what_agents_did() {
    let crew = WorkerInstall::new();
    answer_pm(&crew, ScriptedReply::Hang);
    let worker = crew.start_worker(&["--drain-seconds", "0", "--output", "jsonl"]);
    let job = crew.detach(PLAN);
    let asked = crew.upstream.wait_for_request(is_second_pm_request);
    crew.wait_until_recorded(&asked);
    worker.signal(Signal::SIGINT);
    let told = worker.wait().ok().stdout;
    let told: Vec<Value> = told
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let events: Vec<&str> = told.iter().map(|l| l["event"].as_str().unwrap()).collect();
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
        (&told[3]["end"], &told[3]["job"]),
        (&"queued".into(), &job["id"])
    );
    assert_eq!(
        crew.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );
    crew.run(&["worker", "--until-idle"]).ok();
    assert_planned_once(&crew);
}

#[test]
fn a_cancelled_job_stops_and_a_failed_one_harms_no_other() {
    let crew = WorkerInstall::new();
    answer_pm(&crew, ScriptedReply::Hang);
    let worker = crew.start_worker(&[]);
    let job = crew.detach(PLAN);
    crew.upstream.wait_for_request(is_second_pm_request);
    let id = job["id"].as_str().unwrap();
    let cancelled = crew.run_json(&["jobs", "cancel", &id[..8]]);
    assert_eq!(cancelled["status"], "cancelling");
    crew.wait_for_status(&job, "cancelled");
    crew.run(&["jobs", "cancel", id]).assert_exit_code(4);
    assert_eq!(
        crew.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );

    // Nobody can make a repository where a file is.
    let new = ["project", "new", "Broken", "--brief", "brief.md"];
    crew.run(&[&new[..], &["--client", "Ada", "--budget", "1", "--yes"]].concat())
        .ok();
    fs_err(&crew);
    let broken = crew.detach(&["plan", "broken"]);
    let again = crew.detach(PLAN);
    let failed = crew.wait_for_status(&broken, "failed");
    assert!(
        failed["outcome"].is_string() && failed["exitCode"] != 0,
        "{failed:#}"
    );
    crew.wait_for_status(&again, "done");
    worker.signal(Signal::SIGTERM);
    worker.wait().ok();
}

fn fs_err(crew: &WorkerInstall) {
    std::fs::write(crew.home().join("projects/broken"), "in the way").unwrap();
}

#[test]
fn a_paused_project_s_job_waits_for_it() {
    let crew = WorkerInstall::new();
    answer_pm(&crew, ScriptedReply::Hang);
    let worker = crew.start_worker(&[]);
    let job = crew.detach(PLAN);
    crew.upstream.wait_for_request(is_second_pm_request);
    crew.run(&["project", "pause", "shop"]).ok();
    let put_down = crew.wait_for_status(&job, "queued");
    assert!(put_down["outcome"].as_str().unwrap().contains("paused"));
    // It is nobody's while it is paused, and a worker that waits for nothing else may go.
    crew.run(&["worker", "--until-idle"]).ok();
    assert_eq!(crew.wait_for_status(&job, "queued")["attempt"], 1);
    worker.signal(Signal::SIGTERM);
    worker.wait().ok();
    // Where no worker is there any more, one is started.
    crew.run(&["project", "resume", "shop"]).ok();
    crew.wait_for_status(&job, "done");
}

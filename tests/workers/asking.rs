//! Asking for work in the background, and being told that it cannot be: no agent is needed.

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::SCRIPT;
use eklavya_testkit::install::TestInstall;
use eklavya_testkit::install::workers::WorkerInstall;

/// A studio in which no worker can come up.
fn install_without_cli() -> WorkerInstall {
    let mut studio = TestInstall::new(SCRIPT);
    studio.set_variable("EKLAVYA_CLAUDE_PATH", "/nowhere/claude");
    WorkerInstall(studio)
}

#[track_caller]
fn assert_says(outcome: &CommandResult, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
}

#[test]
fn a_job_is_kept_where_no_worker_comes_up_and_people_are_told() {
    let crew = install_without_cli();
    let refused = crew.run(&["plan", "shop", "--detach"]).assert_exit_code(7);
    assert_says(
        &refused,
        &[
            "is queued",
            "/nowhere/claude",
            "eklavya worker --until-idle",
            "logs/",
        ],
    );
    let status = crew.run(&["status"]).ok().stdout;
    assert!(status.contains("plan queued, NO WORKER"), "{status}");
    let [job] = &crew.jobs()[..] else {
        panic!("{:#?}", crew.jobs());
    };
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&"queued".into(), &0.into())
    );
    assert_eq!(crew.workers(), [serde_json::Value::Null; 0]);

    // A new priority holds for what waits, too.
    let shown = crew.run_json(&["project", "priority", "shop", "8"]);
    assert_eq!(shown["priority"], 8);
    assert_eq!(crew.jobs()[0]["priority"], 8);
    assert_eq!(crew.run_json(&["project", "list"])[0]["priority"], 8);
    assert_eq!(crew.run_json(&["project", "show", "shop"])["priority"], 8);
    crew.run(&["project", "priority", "shop", "10"])
        .assert_exit_code(2);

    let id = job["id"].as_str().unwrap();
    let cancelled = crew.run_json(&["jobs", "cancel", &id[..8]]);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(crew.run_json(&["jobs", "list"]), serde_json::json!([]));
    assert_says(
        &crew.run(&["jobs", "show", "ffffffff"]).assert_exit_code(3),
        &["jobs list"],
    );
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_asked_for() {
    let crew = install_without_cli();
    let away = crew.run(&["build", "shop", "--detach"]).assert_exit_code(4);
    assert_says(&away, &["shop is created", "build"]);
    assert_says(
        &crew
            .run(&["plan", "shop", "--detach", "--set", "agents.parallel=2"])
            .assert_exit_code(2),
        &["agents.parallel"],
    );
    assert_says(
        &crew
            .run(&["plan", "shop", "--detach", "--no-sandbox"])
            .assert_exit_code(2),
        &["worker --no-sandbox"],
    );
    for other in [&["--wait"][..], &["--record", "file.yaml"]] {
        crew.run(&[&["plan", "shop", "--detach"], other].concat())
            .assert_exit_code(2);
    }
    crew.run(&["plan", "nowhere", "--detach"])
        .assert_exit_code(3);
    assert_says(
        &crew.run(&["worker"]).assert_exit_code(7),
        &["/nowhere/claude"],
    );
    assert_eq!(
        crew.run_json(&["jobs", "list", "--all"]),
        serde_json::json!([])
    );
    crew.run(&["project", "pause", "shop"]).ok();
    assert_says(
        &crew.run(&["plan", "shop", "--detach"]).assert_exit_code(4),
        &["paused"],
    );
}

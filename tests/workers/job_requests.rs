//! Requests for background work that fail before any agent starts.

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::SCRIPT;
use eklavya_testkit::install::TestInstall;
use eklavya_testkit::install::workers::WorkerInstall;

/// An installation in which no worker can start.
fn install_without_cli() -> WorkerInstall {
    let mut plain = TestInstall::new(SCRIPT);
    plain.set_variable("EKLAVYA_CLAUDE_PATH", "/nowhere/claude");
    WorkerInstall(plain)
}

#[track_caller]
fn assert_says(outcome: &CommandResult, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
}

#[test]
fn a_job_stays_queued_if_no_worker_can_start_and_the_reason_is_shown() {
    let install = install_without_cli();
    let refused = install
        .run(&["plan", "shop", "--detach"])
        .assert_exit_code(7);
    assert_says(
        &refused,
        &[
            "is queued",
            "/nowhere/claude",
            "eklavya worker --until-idle",
            "logs/",
        ],
    );
    let status = install.run(&["status"]).ok().stdout;
    assert!(status.contains("plan queued, NO WORKER"), "{status}");
    let [job] = &install.jobs()[..] else {
        panic!("{:#?}", install.jobs());
    };
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&"queued".into(), &0.into())
    );
    assert_eq!(install.workers(), [serde_json::Value::Null; 0]);

    // A new priority applies to queued jobs, too.
    let shown = install.run_json(&["project", "priority", "shop", "8"]);
    assert_eq!(shown["priority"], 8);
    assert_eq!(install.jobs()[0]["priority"], 8);
    assert_eq!(install.run_json(&["project", "list"])[0]["priority"], 8);
    assert_eq!(
        install.run_json(&["project", "show", "shop"])["priority"],
        8
    );
    install
        .run(&["project", "priority", "shop", "10"])
        .assert_exit_code(2);

    let id = job["id"].as_str().unwrap();
    let cancelled = install.run_json(&["jobs", "cancel", &id[..8]]);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(install.run_json(&["jobs", "list"]), serde_json::json!([]));
    assert_says(
        &install
            .run(&["jobs", "show", "ffffffff"])
            .assert_exit_code(3),
        &["jobs list"],
    );
}

#[test]
fn invalid_job_requests_are_refused_and_create_no_job() {
    let install = install_without_cli();
    let away = install
        .run(&["build", "shop", "--detach"])
        .assert_exit_code(4);
    assert_says(&away, &["shop is created", "build"]);
    assert_says(
        &install
            .run(&["plan", "shop", "--detach", "--set", "agents.parallel=2"])
            .assert_exit_code(2),
        &["agents.parallel"],
    );
    assert_says(
        &install
            .run(&["plan", "shop", "--detach", "--no-sandbox"])
            .assert_exit_code(2),
        &["worker --no-sandbox"],
    );
    for other in [&["--wait"][..], &["--record", "file.yaml"]] {
        install
            .run(&[&["plan", "shop", "--detach"], other].concat())
            .assert_exit_code(2);
    }
    install
        .run(&["plan", "nowhere", "--detach"])
        .assert_exit_code(3);
    assert_says(
        &install.run(&["worker"]).assert_exit_code(7),
        &["/nowhere/claude"],
    );
    assert_eq!(
        install.run_json(&["jobs", "list", "--all"]),
        serde_json::json!([])
    );
    install.run(&["project", "pause", "shop"]).ok();
    assert_says(
        &install
            .run(&["plan", "shop", "--detach"])
            .assert_exit_code(4),
        &["paused"],
    );
}

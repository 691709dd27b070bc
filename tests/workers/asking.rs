//! Asking for work in the background, and being told that it cannot be: no agent is needed.

use crate::SCRIPT;
use crate::crew::Crew;
use crate::studio::Studio;
use crate::support::Outcome;

/// A studio in which no worker can come up.
fn without_cli() -> Crew {
    let mut studio = Studio::new(SCRIPT);
    studio.set("EKLAVYA_CLAUDE_PATH", "/nowhere/claude");
    Crew(studio)
}

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
}

#[test]
fn a_job_is_kept_where_no_worker_comes_up_and_people_are_told() {
    let crew = without_cli();
    let refused = crew.run(&["plan", "shop", "--detach"]).exits(7);
    says(
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
    let shown = crew.json(&["project", "priority", "shop", "8"]);
    assert_eq!(shown["priority"], 8);
    assert_eq!(crew.jobs()[0]["priority"], 8);
    assert_eq!(crew.json(&["project", "list"])[0]["priority"], 8);
    assert_eq!(crew.json(&["project", "show", "shop"])["priority"], 8);
    crew.run(&["project", "priority", "shop", "10"]).exits(2);

    let id = job["id"].as_str().unwrap();
    let cancelled = crew.json(&["jobs", "cancel", &id[..8]]);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(crew.json(&["jobs", "list"]), serde_json::json!([]));
    says(
        &crew.run(&["jobs", "show", "ffffffff"]).exits(3),
        &["jobs list"],
    );
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_asked_for() {
    let crew = without_cli();
    let away = crew.run(&["build", "shop", "--detach"]).exits(4);
    says(&away, &["shop is created", "build"]);
    says(
        &crew
            .run(&["plan", "shop", "--detach", "--set", "agents.parallel=2"])
            .exits(2),
        &["agents.parallel"],
    );
    says(
        &crew
            .run(&["plan", "shop", "--detach", "--no-sandbox"])
            .exits(2),
        &["worker --no-sandbox"],
    );
    for other in [&["--wait"][..], &["--record", "file.yaml"]] {
        crew.run(&[&["plan", "shop", "--detach"], other].concat())
            .exits(2);
    }
    crew.run(&["plan", "nowhere", "--detach"]).exits(3);
    says(&crew.run(&["worker"]).exits(7), &["/nowhere/claude"]);
    assert_eq!(crew.json(&["jobs", "list", "--all"]), serde_json::json!([]));
    crew.run(&["project", "pause", "shop"]).ok();
    says(
        &crew.run(&["plan", "shop", "--detach"]).exits(4),
        &["paused"],
    );
}

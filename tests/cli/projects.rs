//! `eklavya project` and `eklavya status`

use eklavya_testkit::cli::TestEnv;
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value;

#[test]
fn a_project_is_created_listed_and_shown() {
    let env = TestEnv::new();
    assert_eq!(env.create_project("Coffee Shop"), "coffee-shop");
    let list = env
        .run(&["project", "list", "--output", "json"])
        .ok()
        .timeless_json();
    assert_json_snapshot!("project_list", list);
    let show = env
        .run(&["project", "show", "coffee-shop", "--output", "json"])
        .ok()
        .timeless_json();
    assert_json_snapshot!("project_show", show);
    assert_snapshot!(
        "project_table",
        env.run(&["project", "list"]).ok().snapshot_text()
    );
}

#[test]
fn the_brief_may_come_from_stdin() {
    let env = TestEnv::new();
    let line = [
        "project", "new", "shop", "--brief", "-", "--client", "Ada", "--budget", "1.5",
    ];
    env.run_with(&line, "A page with a menu\n").ok();
    let shown = env
        .run(&["project", "show", "shop", "--output", "json"])
        .ok()
        .json();
    assert_eq!(shown["brief"], "A page with a menu\n");
}

#[test]
fn invalid_briefs_are_refused_and_no_project_is_created() {
    let env = TestEnv::new();
    env.write_file("empty.md", " \n\t\n");
    env.write_file("binary.md", b"\x7fELF\x00\x01");
    env.write_file("latin1.md", b"caf\xe9");
    env.write_file("long.md", "x".repeat(10 << 20));
    let messages: Vec<String> = [
        "missing.md",
        "empty.md",
        "binary.md",
        "latin1.md",
        "long.md",
        ".",
    ]
    .iter()
    .map(|brief| {
        let line = [
            "project", "new", "shop", "--client", "Ada", "--budget", "5", "--brief",
        ];
        env.run(&[&line[..], &[brief]].concat())
            .assert_exit_code(2)
            .stderr
    })
    .collect();
    assert_snapshot!(messages.join("\n"));
    assert_eq!(
        env.run(&["project", "list", "--output", "json"])
            .ok()
            .stdout,
        "[]\n"
    );
}

#[test]
fn missing_values_are_named_without_a_terminal() {
    let env = TestEnv::new();
    env.write_file("brief.md", "A page");
    for (line, option) in [
        (&["project", "new", "shop"][..], "--brief FILE"),
        (
            &["project", "new", "shop", "--brief", "brief.md"],
            "--client NAME",
        ),
        (
            &[
                "project", "new", "s", "--brief", "brief.md", "--client", "A",
            ],
            "--budget USD",
        ),
        (&["plan", "reject", "shop"], "--feedback TEXT"),
    ] {
        let refused = env.run(line).assert_exit_code(2);
        assert_eq!(refused.stderr, format!("error: {option} is missing\n"));
    }
}

#[test]
fn invalid_project_names_are_refused() {
    let env = TestEnv::new();
    env.create_project("shop");
    env.write_file("brief.md", "A page");
    let rest = ["--brief", "brief.md", "--client", "Ada", "--budget", "5"];
    for name in ["shop", "show", "日本", "", "two\nlines"] {
        let refused = env
            .run(&[&["project", "new", name][..], &rest].concat())
            .assert_exit_code(2);
        assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
    }
    let own = ["project", "new", "日本", "--slug", "nihon"];
    env.run(&[&own[..], &rest].concat()).ok();
}

#[test]
fn a_project_has_an_isolation_of_its_own_or_the_configured_one() {
    let env = TestEnv::new();
    env.create_project("shop");
    let isolation = |words: &[&str]| {
        let all = [&["project", "isolation", "shop"], words].concat();
        let outcome = env.run(&all).ok();
        let shown = env.run(&["project", "show", "shop", "--output", "json"]);
        (outcome.stderr, shown.ok().json()["isolation"].clone())
    };
    let unset = ("shop: bubblewrap (sandbox.isolation)\n", Value::Null);
    let owned = |(text, value): (&str, Value)| (text.to_owned(), value);
    assert_eq!(isolation(&[]), owned(unset.clone()));
    let docker = ("shop: docker\n", Value::from("docker"));
    assert_eq!(isolation(&["docker"]), owned(docker.clone()));
    assert_eq!(isolation(&[]), owned(docker));
    let listed = env.run(&["project", "list"]).ok().stdout;
    assert!(listed.contains("docker"), "{listed}");
    assert_eq!(isolation(&["default"]), owned(unset));
    let trail = env.run(&["audit", "log", "shop", "--output", "jsonl"]).ok();
    let changes = trail.stdout.matches("project.isolation").count();
    assert_eq!(changes, 2, "{}", trail.stdout);

    env.write_file("brief.md", "A page");
    let words = "project new inn --brief brief.md --client A --budget 5 --isolation docker";
    let made = env.run(
        &[
            &words.split(' ').collect::<Vec<_>>()[..],
            &["--output", "json"],
        ]
        .concat(),
    );
    assert_eq!(made.ok().json()["isolation"], "docker");
}

#[test]
fn missing_entities_exit_with_3_and_a_hint() {
    let env = TestEnv::new();
    env.create_project("shop");
    let messages: Vec<String> = [
        &["project", "show", "nowhere"][..],
        &["demo", "show", "shop", "7"],
        &["tasks", "show", "shop", "T9"],
    ]
    .iter()
    .map(|line| env.run(line).assert_exit_code(3).stderr)
    .collect();
    assert_snapshot!(messages.join("\n"));
}

#[test]
fn actions_that_the_state_forbids_exit_with_4() {
    let env = TestEnv::new();
    env.create_project("shop");
    env.run(&["plan", "approve", "shop", "--yes"])
        .assert_exit_code(4);
    env.run(&["project", "resume", "shop"]).assert_exit_code(4);
    env.run(&["project", "pause", "shop"]).ok();
    let refused = env.run(&["project", "pause", "shop"]).assert_exit_code(4);
    assert_snapshot!(refused.snapshot_text());
    env.run(&["project", "archive", "shop"]).ok();
    assert_eq!(
        env.run(&["project", "list", "--output", "json"])
            .ok()
            .stdout,
        "[]\n"
    );
    let all = env
        .run(&["project", "list", "--all", "--output", "jsonl"])
        .ok();
    assert!(
        all.stdout.contains("\"status\":\"archived\""),
        "{}",
        all.stdout
    );
}

#[test]
fn status_shows_the_next_step() {
    let env = TestEnv::new();
    env.create_project("shop");
    let status = env.run(&["status", "shop", "--output", "json"]).ok().json();
    assert_json_snapshot!(status);
    assert_snapshot!("status_table", env.run(&["status"]).ok().snapshot_text());
}

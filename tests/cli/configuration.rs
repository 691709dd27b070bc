//! `eklavya config`, and mistakes in the configuration.

use eklavya_testkit::cli::TestEnv;

#[test]
fn every_value_is_shown_with_its_origin() {
    let env = TestEnv::new()
        .with("EKLAVYA_DEMO_COUNT", "2")
        .with("ANTHROPIC_API_KEY", "sk-never-shown");
    env.run(&["config", "set", "agents.parallel", "8"]).ok();
    let flags = ["--set", "plan.attempts=5", "--output", "jsonl"];
    let shown = env.run(&[&["config", "show"][..], &flags].concat()).ok();
    assert!(!shown.stdout.contains("sk-never-shown"));
    let lines: Vec<&str> = shown
        .stdout
        .lines()
        .filter(|line| !line.contains("\"origin\":\"default\""))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(
        env.run(&["config", "get", "agents.parallel"]).ok().stdout,
        "8\n"
    );
}

#[test]
fn set_changes_one_line_and_warns_about_an_overriding_variable() {
    let env = TestEnv::new().with("EKLAVYA_AGENTS_PARALLEL", "2");
    let before = std::fs::read_to_string(env.home().join("config.yaml")).unwrap();
    let set = env.run(&["config", "set", "agents.parallel", "8"]).ok();
    assert!(
        set.stderr.contains("EKLAVYA_AGENTS_PARALLEL is set"),
        "{}",
        set.stderr
    );
    let after = std::fs::read_to_string(env.home().join("config.yaml")).unwrap();
    let added: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert_eq!(added, ["  parallel: 8"]);
    env.run(&["config", "set", "agents.parallel", "--default"])
        .ok();
    let restored = std::fs::read_to_string(env.home().join("config.yaml")).unwrap();
    assert_eq!(restored, before);
}

#[test]
fn a_relative_path_is_relative_to_the_working_directory() {
    let env = TestEnv::new();
    env.run(&["config", "set", "model.keyFile", "key.txt"]).ok();
    let shown = env.run(&["config", "get", "model.keyFile"]).ok();
    assert_eq!(shown.stdout, "[DIR]/key.txt\n");
}

#[test]
fn errors_of_the_file_name_their_place() {
    let messages: Vec<String> = [
        "agents:\n  paralel: 4\n",
        "agents:\n  parallel: four\n",
        "model:\n  name: \"unclosed\n",
    ]
    .iter()
    .map(|file| {
        let env = TestEnv::new();
        std::fs::write(env.home().join("config.yaml"), file).unwrap();
        let unchanged = || std::fs::read_to_string(env.home().join("config.yaml")).unwrap();
        env.run(&["config", "set", "agents.retries", "1"])
            .assert_exit_code(2);
        assert_eq!(unchanged(), *file);
        env.run(&["project", "list"])
            .assert_exit_code(2)
            .snapshot_text()
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn unknown_keys_and_bad_values_exit_with_2() {
    let env = TestEnv::new();
    for line in [
        &["config", "get", "agents.paralel"][..],
        &["config", "set", "agents.paralel", "4"],
        &["config", "set", "agents.parallel", "99"],
        &["config", "show", "--set", "agents.parallel=0"],
        &["config", "show", "--set", "agents.parallel"],
    ] {
        let refused = env.run(line).assert_exit_code(2);
        assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn a_mistyped_variable_is_a_warning() {
    let env = TestEnv::new().with("EKLAVYA_MODEL_ULR", "http://localhost");
    let warned = env.run(&["config", "get", "model.url"]).ok();
    let expected = "warning: EKLAVYA_MODEL_ULR matches no configuration key; did you mean EKLAVYA_MODEL_URL?\n";
    assert_eq!(warned.stderr, expected);
    assert_eq!(
        env.run(&["config", "get", "model.url", "--quiet"])
            .ok()
            .stderr,
        ""
    );
}

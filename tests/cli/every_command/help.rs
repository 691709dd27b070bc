//! Help texts are read by people and by programs that write commands.

use eklavya_testkit::cli::TestEnv;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["init"],
    &["doctor"],
    &["project", "new"],
    &["project", "list"],
    &["plan"],
    &["plan", "approve"],
    &["plan", "reject"],
    &["demo", "build"],
    &["demo", "approve"],
    &["demo", "reject"],
    &["build"],
    &["verify"],
    &["deliver"],
    &["status"],
    &["events", "tail"],
    &["agents", "ps"],
    &["agents", "kill"],
    &["tasks", "retry"],
    &["budget", "set"],
    &["secret", "set"],
    &["secret", "rotate"],
    &["audit", "log"],
    &["audit", "verify"],
    &["config", "set"],
];

#[test]
fn help_is_stable() {
    let env = TestEnv::empty();
    for command in COMMANDS {
        let shown = env.run(&[*command, &["--help"]].concat()).ok();
        // The global options are only in one snapshot.
        let own = match shown.stdout.split_once("Global options:") {
            Some((own, _)) if !command.is_empty() => own,
            _ => &shown.stdout,
        };
        let name = format!("help {}", command.join(" "));
        insta::assert_snapshot!(name.trim().replace(' ', "_"), own);
    }
}

#[test]
fn help_needs_no_data_directory_and_no_valid_configuration() {
    let env = TestEnv::new().with("EKLAVYA_AGENTS_PARALLEL", "many");
    env.run(&["--help"]).ok();
    env.run(&["--version"]).ok();
    env.run(&["completions", "fish"]).ok();
    env.run(&["man"]).ok();
}

#[test]
fn mistakes_in_the_command_line_exit_with_2() {
    let env = TestEnv::new();
    for line in [
        &["nonsense"][..],
        &[],
        &["plan"],
        &["plan", "--wait", "show", "shop"],
        &["plan", "shop", "show", "shop"],
        &["project"],
        &["project", "show"],
        &["project", "list", "--output", "xml"],
        &["demo", "approve", "shop", "two"],
        &["demo", "reject", "shop"],
        &["demo", "reject", "shop", "1", "--all"],
        &["budget", "set", "shop", "--limit", "-5"],
        &["config", "set", "agents.parallel"],
        &["status", "--quiet", "--verbose"],
    ] {
        env.run(line).assert_exit_code(2);
    }
}

#[test]
fn plan_is_a_verb_and_a_noun() {
    let env = TestEnv::new();
    env.create_project("shop");
    let show = env.run(&["plan", "show", "shop"]).assert_exit_code(3);
    assert!(
        show.stderr.contains("there is no plan of project \"shop\""),
        "{}",
        show.stderr
    );
    let run = env.run(&["plan", "nowhere"]).assert_exit_code(3);
    for line in [
        ["--yes", "plan", "show", "shop"],
        ["plan", "--yes", "show", "shop"],
    ] {
        env.run(&line).assert_exit_code(3);
    }
    assert!(
        run.stderr.contains("there is no project \"nowhere\""),
        "{}",
        run.stderr
    );
}

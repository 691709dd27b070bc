//! The formats of output.

use eklavya_testkit::cli::TestEnv;
use eklavya_testkit::program::eklavya_program;

#[test]
fn errors_are_json_if_results_are() {
    let env = TestEnv::new();
    for format in ["json", "jsonl"] {
        let refused = env
            .run(&["project", "show", "nowhere", "--output", format])
            .assert_exit_code(3);
        assert_eq!(refused.stdout, "");
        let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(error["error"]["kind"], "notFound");
        assert_eq!(error["error"]["exitCode"], 3);
    }
}

#[test]
fn an_empty_list_is_empty_json_or_a_message_for_people() {
    let env = TestEnv::new();
    assert_eq!(
        env.run(&["project", "list", "--output", "json"])
            .ok()
            .stdout,
        "[]\n"
    );
    assert_eq!(
        env.run(&["project", "list", "--output", "jsonl"])
            .ok()
            .stdout,
        ""
    );
    let people = env.run(&["project", "list"]).ok();
    assert_eq!(people.stdout, "");
    assert!(
        people.stderr.starts_with("No projects."),
        "{}",
        people.stderr
    );
    assert_eq!(env.run(&["project", "list", "--quiet"]).ok().stderr, "");
}

#[test]
fn hostile_text_cannot_steer_a_terminal() {
    let env = TestEnv::new();
    let line = [
        "project", "new", "shop", "--brief", "-", "--client", "Ada", "--budget", "5",
    ];
    env.run_with(&line, "red \u{1b}[31m, C1 \u{9b}2J, reversed \u{202e}abc\n")
        .ok();
    for format in ["table", "json"] {
        let shown = env
            .run(&["project", "show", "shop", "--output", format])
            .ok()
            .stdout;
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(steers), "{shown:?}");
    }
}

#[test]
fn output_has_no_colour_without_a_terminal() {
    let env = TestEnv::new();
    for line in [
        &["config", "show"][..],
        &["--help"],
        &["project", "show", "nowhere"],
    ] {
        let outcome = env.run(line);
        assert!(!outcome.snapshot_text().contains('\u{1b}'));
    }
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let env = TestEnv::new();
    let script = format!(
        "set -o pipefail; {} man | head -n 1 >/dev/null; echo $?",
        eklavya_program().display()
    );
    let output = assert_cmd::Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("EKLAVYA_HOME", env.home())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let script = format!(
        "{} completions bash > /dev/full",
        eklavya_program().display()
    );
    let output = assert_cmd::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("error: cannot write the output"),
        "{error}"
    );
}

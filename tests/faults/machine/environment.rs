//! Missing programs and credentials, and unusable data.

use std::fs;
use std::os::unix::fs::symlink;

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::error_lines;
use crate::fixtures::mount_namespace::MountNamespace;

/// Asserts that a command ended with this error before it started an agent.
#[track_caller]
fn assert_refused(install: &TestInstall, outcome: &CommandResult, code: i32, name: &str) {
    assert_eq!(outcome.code, code, "{outcome:#?}");
    insta::assert_snapshot!(name, error_lines(outcome));
    assert_eq!(install.query_column("SELECT status FROM agents"), [""; 0]);
    assert_eq!(install.upstream.requests().len(), 0);
}

#[test]
fn missing_programs_are_reported_with_the_fix() {
    let mut install = TestInstall::new(SCRIPT);
    let bin = install.path().join("bin");
    fs::create_dir(&bin).unwrap();
    install.set_variable("PATH", bin.as_str());
    assert_refused(&install, &install.run(STAGES[0]), 7, "no_bubblewrap");
    install.set_variable("PATH", "/usr/local/bin:/usr/bin:/bin");

    let claude = install.unset_variable("EKLAVYA_CLAUDE_PATH");
    install.set_variable("PATH", bin.as_str());
    symlink("/usr/bin/bwrap", bin.join("bwrap")).unwrap();
    assert_refused(&install, &install.run(STAGES[0]), 7, "no_claude");
    install.set_variable("PATH", "/usr/local/bin:/usr/bin:/bin");
    install.set_variable("EKLAVYA_CLAUDE_PATH", &claude);

    let mut namespace = MountNamespace::open();
    namespace.run(
        "for git in /usr/local/bin/git /usr/bin/git; do \
        if test -e $git; then mount --bind /dev/null $git || exit; fi; done",
    );
    install.wrapper = namespace.wrapper(install.path().as_str());
    assert_refused(&install, &install.run(STAGES[0]), 7, "no_git");
    install.wrapper.clear();
    install.run(STAGES[0]).ok();
}

#[test]
fn a_missing_credential_or_malformed_prices_stop_work_before_it_begins() {
    let mut install = TestInstall::new(SCRIPT);
    let key = install.unset_variable("ANTHROPIC_API_KEY");
    assert_refused(&install, &install.run(STAGES[0]), 7, "no_credential");
    install.set_variable("ANTHROPIC_API_KEY", &key);
    let prices = install.home().join("pricing.yaml");
    let text = include_str!("../../../templates/pricing.yaml");
    fs::write(&prices, text.replacen("input:", "input: [", 1)).unwrap();
    assert_refused(&install, &install.run(STAGES[0]), 2, "malformed_prices");
    fs::remove_file(&prices).unwrap();
    install.run(STAGES[0]).ok();
}

#[test]
fn a_read_only_data_directory_is_reported() {
    let mut install = TestInstall::new(SCRIPT);
    let mut namespace = MountNamespace::open();
    let home = install.home();
    namespace.run(&format!(
        "mount --bind {home} {home} && mount -o remount,bind,ro {home}"
    ));
    install.wrapper = namespace.wrapper(install.path().as_str());
    // The text of the error depends on which files of the database exist; the hint does not.
    let refused = error_lines(&install.run(STAGES[0]).assert_exit_code(7));
    let hint = "hint: [DIR]/home is read-only: make it writable and run the command again";
    assert!(refused.ends_with(hint), "{refused}");
    assert_eq!(install.upstream.requests().len(), 0);
    install.wrapper.clear();
    install.run(STAGES[0]).ok();
}

#[test]
fn a_damaged_database_is_reported_and_left_unchanged() {
    let install = TestInstall::new(SCRIPT);
    let database = install.home().join("eklavya.db");
    let whole = fs::read(&database).unwrap();
    for (name, damaged) in [
        (
            "not_a_database",
            b"This is a letter to the client.\n".repeat(300),
        ),
        (
            "damaged_database",
            [&whole[..100], &b"damage".repeat(7_000)].concat(),
        ),
    ] {
        fs::write(&database, &damaged).unwrap();
        for command in [STAGES[0], &["project", "list"]] {
            let outcome = install.run(command).assert_exit_code(7);
            insta::assert_snapshot!(name, error_lines(&outcome));
        }
        assert_eq!(fs::read(&database).unwrap(), damaged);
    }
    fs::write(&database, &whole).unwrap();
    install.run(STAGES[0]).ok();
}

#[test]
fn unknown_projects_demos_tasks_and_agents_exit_with_3() {
    let install = TestInstall::new(SCRIPT);
    let mut messages = String::new();
    for command in [
        &["plan", "shoe"][..],
        &["demo", "approve", "shop", "7", "--yes"],
        &["tasks", "retry", "shop", "T99", "--answer", "Go on"],
        &["agents", "logs", "abcdef"],
        &["agents", "kill", "abcdef", "--yes"],
        &["budget", "set", "shop", "--task", "T99", "--limit", "1"],
    ] {
        let outcome = install.run(command).assert_exit_code(3);
        messages = format!(
            "{messages}$ eklavya {}\n{}\n",
            command.join(" "),
            error_lines(&outcome)
        );
    }
    insta::assert_snapshot!("not_found", messages);
}

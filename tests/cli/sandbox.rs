//! `eklavya sandbox run`, and the errors on a kernel without the required features.

use std::collections::BTreeMap;

use eklavya_testkit::cli::{CommandResult, TestEnv};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

fn env() -> TestEnv {
    TestEnv::new().with("PATH", "/usr/bin:/bin")
}

fn run(env: &TestEnv, role: &str, command: &[&str]) -> CommandResult {
    env.run(&[&["sandbox", "run", "--role", role, "--"], command].concat())
}

/// Runs `eklavya` on a kernel that returns `errno` from a system call (only with `flag` in its first
/// argument, if one is given). The filter ends with the thread.
fn run_without_syscalls(
    env: &TestEnv,
    calls: &[i64],
    flag: Option<i32>,
    errno: i32,
    words: &[&str],
) -> CommandResult {
    let rules = match flag {
        None => Vec::new(),
        Some(flag) => {
            let flag = u64::from(flag.cast_unsigned());
            let operator = SeccompCmpOp::MaskedEq(flag);
            let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, flag);
            vec![SeccompRule::new(vec![condition.unwrap()]).unwrap()]
        }
    };
    let rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.iter().map(|call| (*call, rules.clone())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.cast_unsigned()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    std::thread::scope(|scope| {
        let behind = scope.spawn(|| {
            seccompiler::apply_filter(&program).unwrap();
            env.run(words)
        });
        behind.join().unwrap()
    })
}

fn without_landlock(env: &TestEnv, words: &[&str]) -> CommandResult {
    let call = libc::SYS_landlock_create_ruleset;
    run_without_syscalls(env, &[call], None, libc::ENOSYS, words)
}

fn without_user_namespaces(env: &TestEnv, words: &[&str]) -> CommandResult {
    let calls = [libc::SYS_clone, libc::SYS_unshare];
    run_without_syscalls(env, &calls, Some(libc::CLONE_NEWUSER), libc::EPERM, words)
}

#[test]
fn a_command_runs_as_an_agent_of_the_role_and_returns_its_exit_code() {
    let env = env();
    let line = "echo out; echo err >&2; echo x > new; pwd; exit 7";
    let ran = run(&env, "developer", &["sh", "-c", line]).assert_exit_code(7);
    assert!(ran.stdout.starts_with("out\n"), "{ran:?}");
    assert_eq!(ran.stderr, "err\n");
    let place = ran.stdout.lines().last().unwrap();
    assert!(
        !std::path::Path::new(place).exists(),
        "{place} still exists"
    );
    run(&env, "developer", &["sh", "-c", "kill -TERM $$"]).assert_exit_code(143);
}

#[test]
fn a_role_without_a_terminal_finds_no_program() {
    let env = env();
    let ran = run(&env, "qa", &["ls"]).assert_exit_code(126);
    assert!(ran.stderr.contains("cannot start ls"), "{ran:?}");
    assert!(ran.stderr.contains("The qa has no terminal"), "{ran:?}");
    run(&env, "qa", &["git", "--version"]).ok();
    // A role without git cannot start it either.
    run(&env, "uat", &["git", "--version"]).assert_exit_code(126);
}

#[test]
fn unknown_roles_and_projects_are_refused() {
    let env = env();
    let ran = run(&env, "boss", &["true"]).assert_exit_code(2);
    assert!(
        ran.stderr.contains("possible values: orchestrator"),
        "{ran:?}"
    );
    let words = ["sandbox", "run", "--role", "qa", "nowhere", "--", "true"];
    env.run(&words).assert_exit_code(3);
    let words = [
        "--no-sandbox",
        "sandbox",
        "run",
        "--role",
        "qa",
        "--",
        "true",
    ];
    env.run(&words).assert_exit_code(2);
    let words = ["sandbox", "run", "--role", "qa"];
    env.run(&words).assert_exit_code(2);
}

#[test]
fn without_user_namespaces_there_is_one_clear_error() {
    let words = ["sandbox", "run", "--role", "qa", "--", "true"];
    let ran = without_user_namespaces(&env(), &words).assert_exit_code(7);
    assert!(
        ran.stderr.contains("may not create user namespaces here"),
        "{ran:?}"
    );
    assert_eq!(ran.stderr.matches("error:").count(), 1, "{ran:?}");
}

#[test]
fn without_landlock_there_is_one_clear_error_until_it_is_waived() {
    let env = env();
    let words = ["sandbox", "run", "--role", "developer", "--", "true"];
    let ran = without_landlock(&env, &words).assert_exit_code(7);
    assert!(ran.stderr.contains("the kernel has no Landlock"), "{ran:?}");
    assert_eq!(ran.stderr.matches("error:").count(), 1, "{ran:?}");
    env.run(&["config", "set", "sandbox.landlock", "0"]).ok();
    without_landlock(&env, &words).ok();
}

#[test]
fn doctor_tries_every_guarantee() {
    let names = |outcome: &CommandResult| -> Vec<(String, String)> {
        let checks = outcome.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let all = checks.as_array().unwrap().iter();
        all.map(|check| (text(&check["check"]), text(&check["status"])))
            .filter(|(name, _)| name.starts_with("sandbox"))
            .collect()
    };
    let env = env();
    let words = ["doctor", "--output", "json"];
    let all = names(&env.run(&words));
    assert_eq!(all.len(), 11, "{all:?}");
    let landlock = "sandbox: Landlock";
    for (name, status) in &all {
        // A kernel may have an older Landlock.
        assert!(status == "ok" || name == landlock, "{name}: {status}");
    }
    let refused = without_landlock(&env, &words).assert_exit_code(7);
    assert_eq!(
        names(&refused),
        [("sandbox".to_owned(), "failed".to_owned())]
    );
    env.run(&["config", "set", "sandbox.landlock", "0"]).ok();
    let waived = names(&without_landlock(&env, &words));
    assert!(
        waived.contains(&(landlock.to_owned(), "warning".to_owned())),
        "{waived:?}"
    );
}

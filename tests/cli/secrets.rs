//! `eklavya secret`

use std::fs;
use std::os::unix::fs::PermissionsExt;

use eklavya_testkit::cli::TestEnv;
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value;

const VALUE: &str = "a canary that must not leak";

fn env_with_shop() -> TestEnv {
    let env = TestEnv::new();
    env.create_project("shop");
    env
}

#[test]
fn secrets_are_set_listed_and_removed_and_never_shown() {
    let env = env_with_shop();
    let mut texts = Vec::new();
    let mut run = |line: &[&str], input: &str| {
        let outcome = env.run_with(line, input).ok();
        texts.push(format!("{}{}", outcome.stdout, outcome.stderr));
        outcome
    };
    run(&["secret", "list", "shop"], "");
    run(
        &[
            "secret",
            "set",
            "shop",
            "DB_PASSWORD",
            "--for",
            "tests,checks",
        ],
        &format!("{VALUE}\n"),
    );
    let file = env.write_file("value", format!("{VALUE} again\n"));
    let words = ["secret", "set", "shop", "UNUSED", "--file", file.as_str()];
    run(&words, "");
    let key = [
        "secret",
        "set",
        "shop",
        "ANTHROPIC_API_KEY",
        "--output",
        "json",
    ];
    let set = run(&key, "sk-ant-canary").timeless_json();
    assert_json_snapshot!("set", without_user(set));
    let listed = run(&["secret", "list", "shop", "--output", "json"], "");
    let listed = listed.timeless_json().as_array().unwrap().clone();
    let listed: Vec<Value> = listed.into_iter().map(without_user).collect();
    assert_json_snapshot!("listed", listed);
    run(&["secret", "rotate"], "");
    run(&["secret", "rm", "shop", "UNUSED"], "");
    let audit = run(&["audit", "log", "--output", "json"], "").json();
    let actions: Vec<&str> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line["action"].as_str())
        .filter(|action| action.starts_with("secret."))
        .collect();
    let expected = [
        "secret.set",
        "secret.set",
        "secret.set",
        "secret.rotate",
        "secret.rm",
    ];
    assert_eq!(actions, expected);
    let key = env.home().join("secret.key");
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for entry in fs::read_dir(env.home()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        }
    }
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

/// Replaces the user that runs the tests.
fn without_user(mut secret: Value) -> Value {
    let by = secret["setBy"].as_str().unwrap();
    assert!(by.starts_with("admin:"), "{by}");
    secret["setBy"] = "[admin]".into();
    secret
}

#[test]
fn invalid_secrets_are_refused() {
    let env = env_with_shop();
    let long = "x".repeat(64 * 1024 + 1);
    let binary = env.write_file("binary", b"\xff\xfe value of bytes");
    let set = |rest: &[&str], input: &str| {
        let words = [&["secret", "set"][..], rest].concat();
        env.run_with(&words, input)
    };
    for (rest, input, code) in [
        (&["nowhere", "NAME"][..], VALUE, 3),
        (&["shop", "2NAME"], VALUE, 2),
        (&["shop", "PATH"], VALUE, 2),
        (&["shop", "LD_PRELOAD"], VALUE, 2),
        (&["shop", "NAME", "--for", "agents"], VALUE, 2),
        (&["shop", "NAME", "--for", "model"], VALUE, 2),
        (&["shop", "ANTHROPIC_API_KEY", "--for", "tests"], VALUE, 2),
        (&["shop", "ANTHROPIC_API_KEY"], VALUE, 2),
        (&["shop", "NAME"], "", 2),
        (&["shop", "NAME"], "\n", 2),
        (&["shop", "NAME"], "short", 2),
        (&["shop", "NAME"], &long, 2),
        (&["shop", "NAME"], "with\0a NUL", 2),
        (&["shop", "NAME", "--file", "missing"], "", 2),
        (&["shop", "NAME", "--file", binary.as_str()], "", 2),
        (&["shop", "NAME", "its value on the command line"], "", 2),
    ] {
        let outcome = set(rest, input).assert_exit_code(code);
        assert!(!outcome.stderr.contains("canary"), "{outcome:?}");
    }
    assert!(!env.home().join("secret.key").exists());
    env.run(&["secret", "rm", "shop", "NAME"])
        .assert_exit_code(3);
    env.run(&["secret", "rotate"]).assert_exit_code(4);
    set(&["shop", "NAME"], &"x".repeat(64 * 1024)).ok();
}

#[test]
fn a_missing_or_wrong_key_is_an_error() {
    let env = env_with_shop();
    let set = |name: &str| env.run_with(&["secret", "set", "shop", name], VALUE);
    set("ONE").ok();
    let file = env.home().join("secret.key");
    let key = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert_snapshot!("no_key", set("TWO").assert_exit_code(7).snapshot_text());
    // Commands that do not need the key still work.
    env.run(&["status"]).ok();
    env.run(&["secret", "list", "shop"]).ok();
    fs::write(&file, "something else").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_snapshot!(
        "no_key_file",
        set("TWO").assert_exit_code(7).snapshot_text()
    );
    let elsewhere = env.path().join("elsewhere.key");
    fs::remove_file(&file).unwrap();
    fs::write(&elsewhere, key).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o644)).unwrap();
    let env = env.with("EKLAVYA_SECRETS_KEY_FILE", elsewhere.as_str());
    let set = |name: &str| env.run_with(&["secret", "set", "shop", name], VALUE);
    assert_snapshot!(
        "open_key_file",
        set("TWO").assert_exit_code(7).snapshot_text()
    );
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    set("TWO").ok();
    env.run(&["secret", "rotate"]).ok();
    assert!(!file.exists());
    assert_eq!(
        env.run(&["secret", "list", "shop"])
            .ok()
            .stdout
            .lines()
            .count(),
        3
    );
}

//! `eklavya doctor`

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::TestEnv;

fn status(checks: &Value, name: &str) -> String {
    let all = checks.as_array().unwrap();
    let check = all.iter().find(|check| check["check"] == name).unwrap();
    check["status"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_missing_is_found_and_exits_with_7() {
    let env = TestEnv::empty().with("PATH", "/nonexistent");
    let found = env.run(&["doctor", "--output", "json"]).exits(7);
    let checks = found.json();
    for name in ["data directory", "store", "claude", "sandbox"] {
        assert_eq!(status(&checks, name), "failed", "{name}");
    }
    assert_eq!(status(&checks, "model"), "warning");
    assert!(found.stderr.contains("\"exitCode\":7"), "{}", found.stderr);
}

#[test]
fn the_credential_is_named_and_not_shown() {
    let env = TestEnv::new().with("ANTHROPIC_API_KEY", "sk-never-shown");
    let found = env.run(&["doctor"]);
    assert!(
        found.stdout.contains("ANTHROPIC_API_KEY"),
        "{}",
        found.stdout
    );
    assert!(!found.whole().contains("sk-never-shown"));
}

#[test]
fn a_wrong_configuration_is_one_of_the_findings() {
    let env = TestEnv::new().with("EKLAVYA_AGENTS_PARALLEL", "many");
    let found = env.run(&["doctor", "--output", "json"]).exits(7).json();
    assert_eq!(status(&found, "configuration"), "failed");
    // Where the store is, only the configuration knows.
    assert_eq!(status(&found, "git"), "ok");
}

#[test]
fn a_data_directory_that_nobody_else_can_enter_is_usable() {
    let env = TestEnv::new();
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(env.home(), closed).unwrap();
    let found = env.run(&["doctor", "--output", "json"]).json();
    assert_eq!(status(&found, "data directory"), "ok");
}

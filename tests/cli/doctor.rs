//! `eklavya doctor`

use std::os::unix::fs::PermissionsExt;

use eklavya_testkit::cli::TestEnv;
use serde_json::Value;

fn check_status(checks: &Value, name: &str) -> String {
    let all = checks.as_array().unwrap();
    let check = all.iter().find(|check| check["check"] == name).unwrap();
    check["status"].as_str().unwrap().to_owned()
}

#[test]
fn missing_requirements_are_found_and_exit_with_7() {
    let env = TestEnv::empty().with("PATH", "/nonexistent");
    let found = env.run(&["doctor", "--output", "json"]).assert_exit_code(7);
    let checks = found.json();
    for name in ["data directory", "store", "claude", "sandbox"] {
        assert_eq!(check_status(&checks, name), "failed", "{name}");
    }
    assert_eq!(check_status(&checks, "model"), "warning");
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
    assert!(!found.snapshot_text().contains("sk-never-shown"));
}

#[test]
fn a_wrong_configuration_is_one_of_the_findings() {
    let env = TestEnv::new().with("EKLAVYA_AGENTS_PARALLEL", "many");
    let found = env
        .run(&["doctor", "--output", "json"])
        .assert_exit_code(7)
        .json();
    assert_eq!(check_status(&found, "configuration"), "failed");
    // Only the configuration has the location of the store.
    assert_eq!(check_status(&found, "git"), "ok");
}

#[test]
fn a_data_directory_that_is_closed_to_others_is_usable() {
    let env = TestEnv::new();
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(env.home(), closed).unwrap();
    let found = env.run(&["doctor", "--output", "json"]).json();
    assert_eq!(check_status(&found, "data directory"), "ok");
}

/// Returns the checks that are cells of the permission matrix.
fn matrix_cells(checks: &Value) -> Vec<&Value> {
    let all = checks.as_array().unwrap();
    all.iter()
        .filter(|check| check["role"].is_string())
        .collect()
}

#[test]
fn every_cell_of_the_permission_matrix_is_tried() {
    let env = TestEnv::new().with("PATH", "/usr/local/bin:/usr/bin:/bin");
    let checks = env.run(&["doctor", "--output", "json"]).json();
    assert_eq!(check_status(&checks, "browser"), "ok");
    let cells = matrix_cells(&checks);
    assert_eq!(cells.len(), 60);
    for cell in &cells {
        assert_eq!(cell["status"], "ok", "{cell:#}");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(cells[0]).unwrap());
    let found = env.run(&["doctor"]);
    let row = "qa            ok           ok   ok        ok       ok            ok";
    assert!(found.stdout.contains(row), "{}", found.stdout);
    assert!(
        !found.stdout.contains("Cells with problems"),
        "{}",
        found.stdout
    );
}

#[test]
fn without_a_sandbox_no_cells_are_shown() {
    let env = TestEnv::new().with("PATH", "/nonexistent");
    let found = env
        .run(&["doctor", "--output", "json"])
        .assert_exit_code(7)
        .json();
    assert!(matrix_cells(&found).is_empty());
    let found = env
        .run(&["doctor", "--no-sandbox", "--output", "json"])
        .json();
    assert_eq!(check_status(&found, "sandbox"), "warning");
    assert!(matrix_cells(&found).is_empty());
}

#[test]
fn a_disabled_browser_is_a_warning_for_roles_with_a_browser() {
    let env = TestEnv::new()
        .with("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with("EKLAVYA_BROWSER_USE", "off");
    let found = env.run(&["doctor"]);
    assert!(
        found.stdout.contains("Cells with problems"),
        "{}",
        found.stdout
    );
    assert!(
        found.stdout.contains("uat: browser     warning"),
        "{}",
        found.stdout
    );
}

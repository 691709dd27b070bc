//! `eklavya budget` and `eklavya roles`

use eklavya_testkit::cli::TestEnv;
use insta::{assert_json_snapshot, assert_snapshot};

#[test]
fn limits_are_set_and_shown() {
    let env = TestEnv::new().with("EKLAVYA_BUDGET_OVERALL_USD", "100");
    env.create_project("shop");
    env.run(&["budget", "set", "shop", "--limit", "30.50"]).ok();
    assert_snapshot!(env.run(&["budget", "show"]).ok().snapshot_text());
    let shown = env
        .run(&["budget", "show", "shop", "--output", "json"])
        .ok()
        .json();
    assert_json_snapshot!(shown);
    env.run(&["budget", "set", "--all", "--limit", "7"]).ok();
    env.run(&["budget", "set", "shop", "--limit", "none"]).ok();
    let all = env.run(&["budget", "show", "--output", "json"]).ok().json();
    assert_eq!(all[0]["limitMicroUsd"], 7_000_000);
    assert!(all[1]["limitMicroUsd"].is_null());
}

#[test]
fn invalid_limits_are_refused() {
    let env = TestEnv::new();
    env.create_project("shop");
    for (line, code) in [
        (&["budget", "set", "nowhere", "--limit", "1"][..], 3),
        (
            &["budget", "set", "shop", "--task", "T9", "--limit", "1"],
            3,
        ),
        (
            &["budget", "set", "shop", "--agent", "abcd", "--limit", "1"],
            3,
        ),
        (&["budget", "set", "shop", "--limit", "much"], 2),
        (&["budget", "set", "shop"], 2),
        (&["budget", "set", "--limit", "1"], 2),
        (&["budget", "set", "shop", "--all", "--limit", "1"], 2),
    ] {
        env.run(line).assert_exit_code(code);
    }
}

#[test]
fn a_report_without_requests_shows_zeros() {
    let env = TestEnv::new();
    env.create_project("shop");
    let report = env
        .run(&["budget", "report", "shop", "--output", "json"])
        .ok()
        .json();
    assert_json_snapshot!(report);
    assert_snapshot!(
        "report_table",
        env.run(&["budget", "report", "shop"]).ok().snapshot_text()
    );
}

#[test]
fn roles_are_the_permission_matrix() {
    let env = TestEnv::empty();
    assert_snapshot!("roles_table", env.run(&["roles"]).ok().snapshot_text());
    let roles = env.run(&["roles", "--output", "json"]).ok().json();
    assert_json_snapshot!("roles", roles);
}

#[test]
fn roles_name_the_hosts_that_are_configured() {
    let env = TestEnv::empty();
    let list = "egress.metrics=metrics.example:9090,*.metrics.example";
    let roles = ["roles", "--output", "json", "--set", list];
    let roles = env.run(&roles).ok().json();
    let monitor = &roles.as_array().unwrap()[8];
    assert_eq!(monitor["role"], "monitor");
    let hosts = serde_json::json!(["metrics.example:9090", "*.metrics.example"]);
    assert_eq!(monitor["hosts"], hosts);
    let bad = env.run(&["roles", "--set", "egress.metrics=*.com"]);
    let bad = bad.assert_exit_code(2);
    assert!(
        bad.snapshot_text().contains("\"*.com\" is too broad"),
        "{}",
        bad.snapshot_text()
    );
}

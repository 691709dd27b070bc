//! The bus on the command line: what commands report about it, and their exit codes.

use eklavya_testkit::cli::TestEnv;
use eklavya_testkit::host::refusing_port;
use eklavya_testkit::servers::redis::TestRedis;

use crate::impostor::ImpostorServer;

const PASSWORD: &str = "s3cret";

/// Returns a data directory with a project. The tests configure its bus.
fn env_with_project() -> TestEnv {
    let env = TestEnv::new();
    std::fs::write(env.path().join("brief.md"), "A shop for tea.\n").unwrap();
    let new = "project new Shop --client C --budget 5 --brief brief.md";
    let new: Vec<&str> = new.split(' ').collect();
    env.run(&new).ok();
    env
}

fn unused_url() -> String {
    let port = refusing_port();
    format!("redis://:{PASSWORD}@127.0.0.1:{port}/")
}

#[test]
fn without_redis_work_is_refused_and_reading_is_not() {
    let env = env_with_project().with("EKLAVYA_BUS_URL", &unused_url());
    let worked = env.run(&["plan", "shop"]).assert_exit_code(7);
    assert!(
        worked
            .stderr
            .contains("error: cannot reach Redis at redis://127"),
        "{}",
        worked.stderr
    );
    let looked = env.run(&["project", "list"]).ok();
    assert!(looked.stdout.contains("shop"));
    assert_eq!(looked.stderr.matches("Redis is unavailable").count(), 1);
    let changed = env.run(&["project", "pause", "shop"]);
    assert_ne!(changed.code, 7, "{}", changed.stderr);
    for outcome in [worked, looked, changed] {
        assert!(
            !outcome.snapshot_text().contains(PASSWORD),
            "{}",
            outcome.snapshot_text()
        );
    }
}

#[test]
fn every_command_reports_what_is_wrong_with_the_server() {
    let redis = TestRedis::guarded(PASSWORD);
    let old = ImpostorServer::of_version("5.0.14");
    let other = ImpostorServer::start(|_| Some("220 mail.example.org ESMTP\r\n".into()));
    for (url, text) in [
        (redis.url(), "requires a password"),
        (redis.url_with("wr0ng"), "refused the user or the password"),
        (old.url, "has version 5.0.14"),
        (other.url, "is not Redis"),
    ] {
        let env = TestEnv::new().with("EKLAVYA_BUS_URL", &url);
        let listed = env.run(&["project", "list"]).assert_exit_code(7);
        assert!(listed.stderr.contains(text), "{}", listed.stderr);
        assert!(listed.stderr.contains("hint: "), "{}", listed.stderr);
        let checked = env.run(&["doctor"]).assert_exit_code(7);
        assert!(checked.stdout.contains(text), "{}", checked.stdout);
        for outcome in [listed, checked] {
            let whole = outcome.snapshot_text();
            assert!(!whole.contains("wr0ng") && !whole.contains(PASSWORD));
        }
    }
}

#[test]
fn an_invalid_bus_url_is_a_configuration_error() {
    let env = TestEnv::new();
    for url in ["http://h", "redis://:s3cret@h/x", "redis://:s3cret@h/?db=1"] {
        let listed = env.run(&["project", "list", "--set", &format!("bus.url={url}")]);
        let listed = listed.assert_exit_code(2);
        assert!(listed.stderr.contains("bus.url"), "{}", listed.stderr);
        assert!(
            !listed.snapshot_text().contains(PASSWORD),
            "{}",
            listed.snapshot_text()
        );
    }
}

#[test]
fn the_password_is_kept_and_not_shown() {
    let redis = TestRedis::guarded(PASSWORD);
    let env = TestEnv::new();
    let set = env.run(&["config", "set", "bus.url", &redis.url_with(PASSWORD)]);
    let shown = env.run(&["config", "show"]).ok();
    assert!(shown.stdout.contains(&redis.url()), "{}", shown.stdout);
    for outcome in [set.ok(), shown, env.run(&["config", "get", "bus.url"]).ok()] {
        assert!(
            !outcome.snapshot_text().contains(PASSWORD),
            "{}",
            outcome.snapshot_text()
        );
    }
    env.run(&["project", "list"]).ok();
    let checked = env.run(&["doctor", "--output", "json"]).json();
    let checks = checked.as_array().unwrap();
    let bus = checks.iter().find(|check| check["check"] == "bus").unwrap();
    assert_eq!(bus["status"], "ok", "{bus}");
    assert!(bus["detail"].as_str().unwrap().contains("(Redis "), "{bus}");
}

#[test]
fn the_password_may_be_in_a_file() {
    let redis = TestRedis::guarded(PASSWORD);
    let env = TestEnv::new().with("EKLAVYA_BUS_URL", &redis.url());
    std::fs::write(env.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    let env = env.with("EKLAVYA_BUS_PASSWORD_FILE", "password");
    env.run(&["project", "list"]).ok();
    std::fs::remove_file(env.path().join("password")).unwrap();
    let listed = env.run(&["project", "list"]).assert_exit_code(7);
    assert!(listed.stderr.contains("password"), "{}", listed.stderr);
}

//! `eklavya init`

use std::os::unix::fs::PermissionsExt;

use eklavya_testkit::cli::TestEnv;
use sqlx::{Connection, SqliteConnection};

#[test]
fn init_makes_everything_once() {
    let env = TestEnv::empty();
    let made = env.run(&["init", "--yes", "--output", "json"]).ok().json();
    insta::assert_json_snapshot!(made);
    std::fs::write(env.home().join("config.yaml"), "agents: {parallel: 2}\n").unwrap();
    let again = env.run(&["init", "--yes", "--output", "json"]).ok().json();
    assert_eq!(again["created"], false);
    let parallel = env.run(&["config", "get", "agents.parallel"]).ok();
    assert_eq!(parallel.stdout, "2\n");
}

#[test]
fn data_is_not_readable_by_others() {
    let env = TestEnv::new();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(env.home().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("eklavya.db"), 0o600);
    assert_eq!(mode("config.yaml"), 0o600);
    assert_eq!(
        mode(".") & 0o066,
        0,
        "others may at most traverse the directory"
    );
}

#[test]
fn an_unusable_data_directory_is_an_environment_error() {
    let env = TestEnv::empty();
    env.write_file("file", "");
    let refused = env
        .run(&["init", "--yes", "--home", "file"])
        .assert_exit_code(7);
    insta::assert_snapshot!(refused.snapshot_text());
}

#[test]
fn commands_before_init_suggest_init() {
    let refused = TestEnv::empty()
        .run(&["project", "list"])
        .assert_exit_code(7);
    insta::assert_snapshot!(refused.snapshot_text());
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    const NEWER: &str = "INSERT INTO _sqlx_migrations \
        (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)";
    let env = TestEnv::new();
    let url = format!("sqlite://{}", env.home().join("eklavya.db"));
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(NEWER).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    for command in [&["project", "list"][..], &["init", "--yes"]] {
        let refused = env.run(command).assert_exit_code(7);
        assert!(
            refused.stderr.contains("newer version"),
            "{}",
            refused.stderr
        );
    }
}

//! Migrating a database: completely or not at all, and once, even if several processes try or one
//! of them dies.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use eklavya_store::LATEST_VERSION;
use eklavya_testkit::cli::{CommandResult, TestEnv};
use eklavya_testkit::program::eklavya_program;
use eklavya_testkit::servers::postgres::TestPostgres;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

/// The longest wait for a condition.
const PATIENCE: Duration = Duration::from_mins(1);

fn env(server: &TestPostgres) -> TestEnv {
    let env = TestEnv::empty().with("EKLAVYA_STORE_URL", &server.url());
    std::fs::create_dir(env.home()).unwrap();
    env
}

fn run_migrate(env: &TestEnv) -> CommandResult {
    env.run(&["db", "migrate", "--output", "json"])
}

/// Starts a migration in a process of its own.
fn spawn_migrate(env: &TestEnv) -> Child {
    std::process::Command::new(eklavya_program())
        .args(["db", "migrate", "--output", "json"])
        .env_clear()
        .envs(env.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn list_tables(server: &TestPostgres) -> String {
    server.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
}

/// Waits until a connection of the product waits for a lock.
fn wait_for_lock_wait(server: &TestPostgres) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE application_name = 'eklavya' AND wait_event_type = 'Lock'";
    wait_until(|| server.psql(WAITING) == "1");
}

#[track_caller]
fn wait_until(happened: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the condition did not become true"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Creates a table of the migration without a commit, so that the migration waits for it.
async fn block_migration(server: &TestPostgres) -> PgConnection {
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    connection
        .execute("CREATE TABLE evidence (id bigint)")
        .await
        .unwrap();
    connection
}

#[test]
fn a_migration_creates_the_tables_once() {
    let server = TestPostgres::shared_server();
    let env = env(server);
    let dry = env
        .run(&["db", "migrate", "--dry-run", "--output", "json"])
        .ok()
        .json();
    assert_eq!(
        (&dry["from"], &dry["to"]),
        (&json!(null), &json!(LATEST_VERSION))
    );
    assert_eq!(
        (list_tables(server).as_str(), &dry["dryRun"]),
        ("0", &json!(true))
    );
    let done = run_migrate(&env).ok().json();
    assert_eq!(
        (&done["from"], &done["migrations"]),
        (&json!(null), &dry["migrations"])
    );
    assert_eq!(done["migrations"][0], "0001_initial");
    let again = run_migrate(&env).ok().json();
    assert_eq!(
        (&again["from"], &again["migrations"]),
        (&json!(LATEST_VERSION), &json!([]))
    );
}

#[test]
fn exactly_one_of_many_concurrent_migrations_runs() {
    let server = TestPostgres::shared_server();
    let env = env(server);
    let all: Vec<Child> = (0..4).map(|_| spawn_migrate(&env)).collect();
    let applied = all.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["migrations"].as_array().unwrap().len()
    });
    let applied: Vec<usize> = applied.collect();
    let done = applied.iter().filter(|count| **count > 0).count();
    assert_eq!(done, 1, "{applied:?}");
    let rows = server.psql("SELECT max(version) FROM _sqlx_migrations WHERE success");
    assert_eq!(rows, LATEST_VERSION.to_string());
}

#[tokio::test]
async fn a_killed_or_disconnected_migration_changes_nothing() {
    let server = TestPostgres::shared_server();
    let env = env(server);
    for cut in [false, true] {
        let obstacle = block_migration(server).await;
        let mut child = spawn_migrate(&env);
        wait_for_lock_wait(server);
        if cut {
            server.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'eklavya'",
            );
            let ended = child.wait_with_output().unwrap();
            let text = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(7), "{text}");
            assert!(text.contains("the database is unavailable"), "{text}");
        } else {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
            child.wait().unwrap();
        }
        // Processes that still wait can continue now.
        obstacle.close().await.unwrap();
        wait_until(|| {
            server.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'eklavya'")
                == "0"
        });
        assert_eq!(list_tables(server), "0", "cut: {cut}");
    }
    run_migrate(&env).ok();
    env.run(&["project", "list"]).ok();
}

#[test]
fn a_failing_statement_rolls_the_migration_back() {
    let server = TestPostgres::shared_server();
    let env = env(server);
    server.psql("CREATE TABLE evidence (id bigint)");
    let refused = env.run(&["db", "migrate"]).assert_exit_code(7);
    let shown = refused.stderr.replace(&server.port().to_string(), "[PORT]");
    insta::assert_snapshot!(shown);
    assert_eq!(list_tables(server), "1");
    server.psql("DROP TABLE evidence");
    run_migrate(&env).ok();
}

#[tokio::test]
async fn a_sqlite_file_is_migrated_completely_or_not_at_all() {
    const TABLES: &str = "SELECT count(*) FROM sqlite_master WHERE type = 'table'";
    let env = TestEnv::empty();
    std::fs::create_dir(env.home()).unwrap();
    let missing = env.run(&["db", "migrate"]).assert_exit_code(7);
    assert!(missing.stderr.contains("eklavya init"), "{missing:?}");
    let file = env.home().join("eklavya.db");
    std::fs::write(&file, "").unwrap();
    let mut database = SqliteConnection::connect(&format!("sqlite://{file}"))
        .await
        .unwrap();
    database
        .execute("CREATE TABLE evidence (id)")
        .await
        .unwrap();
    let refused = env.run(&["init", "--yes"]).assert_exit_code(7);
    assert!(refused.stderr.contains("was rolled back"), "{refused:?}");
    let count: i64 = sqlx::query_scalar(TABLES)
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(count, 1);
    database.execute("DROP TABLE evidence").await.unwrap();
    let done = env.run(&["db", "migrate"]).ok();
    assert!(done.stderr.contains("created with schema"), "{done:?}");
}

#[test]
fn unknown_migration_histories_are_refused() {
    let server = TestPostgres::shared_server();
    let env = env(server);
    let mut all = Vec::new();
    let mut tell = |outcome: CommandResult| {
        let shown = outcome.assert_exit_code(7).stderr;
        all.push(shown.replace(&server.port().to_string(), "[PORT]"));
    };
    run_migrate(&env).ok();
    let row = |version: i64, success: bool| {
        server.psql(&format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({version}, 'x', {success}, '', 0)"
        ));
    };
    // A newer version of the program migrated the database.
    row(9999, true);
    for arguments in [
        &["project", "list"][..],
        &["db", "migrate"],
        &["init", "--yes"],
    ] {
        tell(env.run(arguments));
    }
    let status = env.run(&["db", "status"]).ok();
    assert!(
        status.stdout.contains("9999, of a newer eklavya"),
        "{status:?}"
    );
    // An older version that this program does not know.
    server.psql("DELETE FROM _sqlx_migrations");
    row(0, true);
    tell(env.run(&["project", "list"]));
    tell(env.run(&["db", "migrate"]));
    server.psql("DELETE FROM _sqlx_migrations");
    row(0, false);
    tell(env.run(&["db", "migrate"]));
    let all = all.join("\n");
    insta::assert_snapshot!(
        all.replace(&format!("up to {LATEST_VERSION})"), "up to [N])")
            .replace(
                &format!("this version has {LATEST_VERSION})"),
                "this version has [N])"
            )
    );
}

//! Copying a database: no row is lost or changed, and a failed copy leaves nothing in the target.

mod extremes;

use eklavya_store::copy::CopySource;
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::cli::{CommandResult, TestEnv};
use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::fixtures::databases::{self, TestDatabase};

/// A data directory with a project in it.
fn env() -> TestEnv {
    let env = TestEnv::new();
    env.create_project("shop");
    env
}

fn copy_database(env: &TestEnv, from: &str, to: &str) -> CommandResult {
    env.run(&["db", "copy", "--from", from, "--to", to, "--output", "json"])
}

#[test]
fn everything_moves_to_a_server_and_back() {
    let env = env();
    let server = TestPostgres::shared_server();
    let url = server.url();
    let there = copy_database(&env, "sqlite", &url).ok();
    assert!(there.stderr.contains("projects: 1 compared"), "{there:?}");
    assert!(
        there.stderr.contains("eklavya config set store.url"),
        "{there:?}"
    );
    env.run(&["config", "set", "store.url", &url]).ok();
    let status = env.run(&["db", "status", "--output", "json"]).ok().json();
    assert!(
        status["version"]
            .as_str()
            .unwrap()
            .starts_with("PostgreSQL")
    );
    env.run(&["audit", "verify"]).ok();
    // Work continues on the server. Then the database replaces the outdated file.
    env.create_project("tea");
    copy_database(&env, "store", "sqlite").assert_exit_code(4);
    let file = |name: &str| env.home().join(name);
    // The write-ahead log, if it exists, is a part of the database.
    for end in ["", "-wal", "-shm"] {
        let from = file(&format!("eklavya.db{end}"));
        if from.exists() {
            std::fs::rename(from, file(&format!("old.db{end}"))).unwrap();
        }
    }
    let back = copy_database(&env, "store", "sqlite").ok().json();
    let rows = |copied: &serde_json::Value, table: &str| {
        let all = copied["tables"].as_array().unwrap();
        all.iter().find(|row| row["name"] == table).unwrap()["rows"].clone()
    };
    assert_eq!(rows(&there.json(), "projects"), 1);
    assert_eq!(rows(&back, "projects"), 2);
    env.run(&["config", "set", "store.url", "none"]).ok();
    let list = env
        .run(&["project", "list", "--output", "json"])
        .ok()
        .json();
    assert_eq!(
        (&list[0]["slug"], &list[1]["slug"]),
        (&"shop".into(), &"tea".into())
    );
    env.create_project("cake");
    env.run(&["audit", "verify"]).ok();
}

#[test]
fn a_copy_is_written_only_to_an_empty_database() {
    let env = env();
    let server = TestPostgres::shared_server();
    // The target has the schema but no project.
    let option = format!("store.url={}", server.url());
    env.run(&["init", "--yes", "--set", &option]).ok();
    copy_database(&env, "sqlite", &server.url()).ok();
    let again = copy_database(&env, "sqlite", &server.url()).assert_exit_code(4);
    assert!(again.stderr.contains("has 1 projects"), "{again:?}");
    copy_database(&env, &server.url(), "sqlite").assert_exit_code(4);
    for (from, to, code) in [
        ("sqlite", "sqlite:other.db", 2),
        ("sqlite", "elsewhere", 2),
        ("sqlite", "mysql://me@host/shop", 2),
        (server.url().as_str(), server.url().as_str(), 2),
        ("sqlite:nothing.db", server.url().as_str(), 7),
        ("sqlite", "sqlite:/nowhere/at/all.db", 2),
        (server.url().as_str(), "sqlite:/nowhere/at/all.db", 7),
    ] {
        copy_database(&env, from, to).assert_exit_code(code);
    }
}

#[test]
fn live_workers_prevent_a_copy() {
    let env = env();
    let server = TestPostgres::shared_server();
    let file = format!("sqlite://{}", env.home().join("eklavya.db"));
    // This process, which is alive, holds the project.
    let pid = std::process::id();
    let start = eklavya_core::process::read_start_time(pid).unwrap();
    let host = eklavya_core::process::HostIdentity::current().digest;
    let lease = format!(
        "INSERT INTO leases (project_id, fence, worker, machine, host, pid, process_start, beats, \
         acquired_at, heartbeat, lease_until) SELECT id, 1, 'w', 'm', '{host}', {pid}, {start}, 0, \
         created_at, created_at, created_at + 3600000000 FROM projects"
    );
    run_sql(&file, &lease);
    let refused = copy_database(&env, "sqlite", &server.url()).assert_exit_code(4);
    assert!(
        refused.stderr.contains("Stop all workers, then"),
        "{refused:?}"
    );
    // On another host, only the term of the lease counts.
    run_sql(
        &file,
        "UPDATE leases SET process_start = 1, host = 'elsewhere'",
    );
    copy_database(&env, "sqlite", &server.url()).assert_exit_code(4);
    run_sql(&file, "UPDATE leases SET lease_until = 1");
    // A live worker without a lease.
    run_sql(
        &file,
        &format!(
            "INSERT INTO workers VALUES ('w', '{host}', 'm', {pid}, {start}, '/', '', 1, 0, 1, 1)"
        ),
    );
    copy_database(&env, "sqlite", &server.url()).assert_exit_code(4);
    run_sql(&file, "UPDATE workers SET process_start = 1");
    copy_database(&env, "sqlite", &server.url()).ok();
}

fn run_sql(file: &str, sql: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut database = SqliteConnection::connect(file).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
    });
}

#[test]
fn databases_with_another_schema_version_are_not_copied() {
    let env = env();
    let server = TestPostgres::shared_server();
    let option = format!("store.url={}", server.url());
    env.run(&["init", "--yes", "--set", &option]).ok();
    server.psql("DELETE FROM _sqlx_migrations");
    server.psql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (0, 'older', true, '', 0)",
    );
    let refused = copy_database(&env, "sqlite", &server.url()).assert_exit_code(7);
    assert!(refused.stderr.contains("older version"), "{refused:?}");
    let refused = copy_database(&env, &server.url(), "sqlite:new.db").assert_exit_code(7);
    assert!(refused.stderr.contains("older version"), "{refused:?}");
}

/// The copy waits for a reader of the target before it ends, and is killed while it waits.
#[tokio::test]
async fn a_copy_that_is_killed_leaves_nothing() {
    use nix::sys::signal::{Signal, kill};
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE application_name = 'eklavya' AND wait_event_type = 'Lock'";
    let env = env();
    let server = TestPostgres::shared_server();
    let option = format!("store.url={}", server.url());
    env.run(&["init", "--yes", "--set", &option]).ok();
    let mut reader = PgConnection::connect(&server.url()).await.unwrap();
    reader.execute("BEGIN").await.unwrap();
    // The copy locks the tables in order, so it has locked some when it waits for this one.
    reader
        .execute("LOCK TABLE ledger IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let mut child = std::process::Command::new(eklavya_testkit::program::eklavya_program())
        .args(["db", "copy", "--from", "sqlite", "--to", &server.url()])
        .env_clear()
        .envs(env.variables())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while server.psql(WAITING) != "1" {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the copy did not wait for the lock"
        );
    }
    kill(
        nix::unistd::Pid::from_raw(child.id().cast_signed()),
        Signal::SIGKILL,
    )
    .unwrap();
    child.wait().unwrap();
    reader.close().await.unwrap();
    copy_database(&env, "sqlite", &server.url()).ok();
}

#[tokio::test]
async fn events_without_a_sequence_number_are_copied() {
    use eklavya_core::event::Event;
    use eklavya_store::events;
    let database = TestDatabase::postgres().await;
    let event = |number: u32| Event::AgentBlocked {
        agent_id: None,
        reason: number.to_string(),
        needs_admin: true,
    };
    for number in 0..3 {
        let mut tx = database.store.begin_write().await.unwrap();
        events::append(
            &mut tx,
            None,
            &event(number),
            crate::fixtures::project_records::timestamp_at(0),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let to = databases::file(&directory);
    let (_store, held) = CopySource::open_locked(&database.location).await.unwrap();
    held.copy_into(&to, &mut |_| ()).await.unwrap();
    let copy = Store::open(&to).await.unwrap();
    let mut tx = copy.begin_write().await.unwrap();
    let found = events::read_after(&mut tx, None, 0, 9).await.unwrap();
    let tables: Vec<_> = found
        .iter()
        .map(|stored| (stored.seq, stored.event.clone()))
        .collect();
    assert_eq!(tables, [(1, event(0)), (2, event(1)), (3, event(2))]);
    events::append(
        &mut tx,
        None,
        &event(3),
        crate::fixtures::project_records::timestamp_at(0),
    )
    .await
    .unwrap();
    assert_eq!(events::newest_seq(&mut tx).await.unwrap(), 4);
}

#[tokio::test]
async fn writers_wait_while_their_database_is_copied() {
    for database in TestDatabase::each().await {
        let (_store, held) = CopySource::open_locked(&database.location).await.unwrap();
        let other = Store::open(&database.location).await.unwrap();
        let writing = tokio::spawn(async move {
            let mut tx = other.begin_write().await.unwrap();
            let project = crate::fixtures::project_records::project(1, "late");
            eklavya_store::projects::insert(&mut tx, &project)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        });
        let directory = tempfile::tempdir().unwrap();
        let to = match &database.location {
            DatabaseLocation::File(_) => databases::server(&TestPostgres::shared()),
            DatabaseLocation::Server(_) => databases::file(&directory),
        };
        let copied = held.copy_into(&to, &mut |_| ()).await.unwrap();
        let projects = copied.tables.iter().find(|table| table.name == "projects");
        assert_eq!(projects.unwrap().rows, 0, "{}", database.name);
        writing.await.unwrap();
    }
}

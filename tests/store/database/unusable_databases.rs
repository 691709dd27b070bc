//! Databases that cannot be used: each error states its cause and what to do, exits with 7, and
//! never shows a password.

use eklavya_testkit::cli::{CommandResult, TestEnv};
use eklavya_testkit::host::refusing_port;
use eklavya_testkit::servers::postgres::TestPostgres;

use crate::fixtures::fake_servers;

/// The password that no output may contain.
const SECRET: &str = "hunter2";

/// Runs `arguments` on a database with all log levels, and returns the output.
fn run_on(env: &TestEnv, url: &str, arguments: &[&str]) -> CommandResult {
    let url = format!("store.url={url}");
    let found = env.run(&[arguments, &["-vvv", "--set", &url]].concat());
    assert!(!found.snapshot_text().contains(SECRET), "{found:?}");
    found
}

/// Returns errors and hints without the parts that differ between runs.
fn stable_messages(outcome: &CommandResult, ports: &[u16]) -> String {
    let lines = outcome.stderr.lines();
    let lines = lines.filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
    let mut text = format!("exit {}\n", outcome.code);
    for line in lines {
        text += line;
        text += "\n";
    }
    ports
        .iter()
        .fold(text, |text, port| text.replace(&port.to_string(), "[PORT]"))
}

/// Returns a data directory without a database: the tests use databases on servers.
fn env() -> TestEnv {
    let env = TestEnv::empty();
    std::fs::create_dir(env.home()).unwrap();
    env
}

#[test]
fn invalid_store_urls_are_usage_errors() {
    let env = env();
    let outcomes: Vec<String> = [
        "mysql://me:hunter2@127.0.0.1/shop",
        "postgres:shop",
        "postgres://me:hunter2@/shop",
        "postgres://127.0.0.1/shop",
        "postgres://me:hunter2@127.0.0.1",
        "postgres://me:hunter2@127.0.0.1:99999/shop",
        "postgres://me@127.0.0.1/shop?password=hunter2",
        "postgres://me@127.0.0.1/shop?pasword=hunter2",
        "postgres://me:hunter2@127.0.0.1/shop?sslmode=maybe",
        "postgres://me:hunter2@127.0.0.1/shop?connect_timeout=soon",
    ]
    .map(|url| {
        let outcome = run_on(&env, url, &["project", "list"]).assert_exit_code(2);
        stable_messages(&outcome, &[])
    })
    .into();
    insta::assert_snapshot!(outcomes.join("\n"));
}

#[test]
fn each_unusable_server_has_its_own_error() {
    let env = env();
    let ports = [
        refusing_port(),
        fake_servers::silent_server(),
        fake_servers::foreign_server(),
        fake_servers::server_of_version("14.9 (Debian 14.9-1)"),
        fake_servers::server_of_version("9.6.24"),
    ];
    let mut all = Vec::new();
    for port in ports {
        let url = format!("postgres://me:hunter2@127.0.0.1:{port}/shop?connect_timeout=1");
        let outcome = run_on(&env, &url, &["project", "list"]).assert_exit_code(7);
        all.push(stable_messages(&outcome, &ports));
    }
    let nowhere = "postgres://me:hunter2@nowhere.invalid/shop?connect_timeout=1";
    run_on(&env, nowhere, &["project", "list"]).assert_exit_code(7);
    let socket = "postgres://me:hunter2@/shop?host=/nowhere";
    let outcome = run_on(&env, socket, &["project", "list"]).assert_exit_code(7);
    all.push(stable_messages(&outcome, &ports));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn missing_and_unsuitable_databases_are_errors() {
    let env = env();
    let server = TestPostgres::shared_server();
    let ports = [server.port()];
    let mut all = Vec::new();
    let mut tell =
        |outcome: CommandResult| all.push(stable_messages(&outcome.assert_exit_code(7), &ports));
    let list = ["project", "list"];
    // No such database, no such user, no TLS, no tables.
    let nowhere = server.url_with("eklavya", Some(SECRET), "nowhere");
    tell(run_on(&env, &nowhere, &list));
    let unknown_user = server.url_with("nobody", Some(SECRET), "eklavya");
    tell(run_on(&env, &unknown_user, &list));
    let encrypted = format!("{}?sslmode=require", server.url());
    tell(run_on(&env, &encrypted, &list));
    tell(run_on(&env, &server.url(), &list));
    // Another encoding.
    let latin = server.new_database("latin");
    server.psql(
        "UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1') WHERE datname = 'latin'",
    );
    tell(run_on(&env, &latin, &["init", "--yes"]));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn missing_privileges_are_errors() {
    let env = env();
    let server = TestPostgres::shared_server();
    let ports = [server.port()];
    server.psql("CREATE ROLE guest LOGIN; CREATE ROLE reader LOGIN");
    let of = |user| server.url_with(user, None, "eklavya");
    let mut all = Vec::new();
    let mut tell =
        |outcome: CommandResult| all.push(stable_messages(&outcome.assert_exit_code(7), &ports));
    // Only the owner may create tables in the schema public (since PostgreSQL 15).
    tell(run_on(&env, &of("guest"), &["init", "--yes"]));
    tell(run_on(&env, &of("guest"), &["db", "migrate"]));
    run_on(&env, &server.url(), &["init", "--yes"]).ok();
    tell(run_on(&env, &of("guest"), &["project", "list"]));
    server.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    run_on(&env, &of("reader"), &["project", "list"]).ok();
    env.write_file("brief.md", "# A coffee shop\n");
    let new = [
        "project", "new", "Shop", "--brief", "brief.md", "--client", "Ada", "--budget", "1",
    ];
    tell(run_on(
        &env,
        &of("reader"),
        &[&new[..], &["--yes"]].concat(),
    ));
    insta::assert_snapshot!(all.join("\n"));
    let status = run_on(&env, &of("reader"), &["db", "status", "--output", "json"]).ok();
    assert_eq!(status.json()["pending"], serde_json::json!([]));
}

#[test]
fn a_read_only_database_is_an_error() {
    let env = env();
    let server = TestPostgres::shared_server();
    run_on(&env, &server.url(), &["init", "--yes"]).ok();
    server.make_read_only();
    let mut all = Vec::new();
    for arguments in [
        &["project", "list"][..],
        &["db", "status"],
        &["init", "--yes"],
    ] {
        let outcome = run_on(&env, &server.url(), arguments).assert_exit_code(7);
        all.push(stable_messages(&outcome, &[server.port()]));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_wrong_password_is_an_error_and_the_right_one_works_from_every_source() {
    let server = TestPostgres::guarded(SECRET);
    let env = env();
    let ports = [server.port()];
    let with = |password| server.url_with("eklavya", password, "eklavya");
    let wrong = run_on(&env, &with(Some("hunter2-not")), &["db", "status"]).assert_exit_code(7);
    let none = run_on(&env, &with(None), &["db", "status"]).assert_exit_code(7);
    insta::assert_snapshot!(
        [
            stable_messages(&wrong, &ports),
            stable_messages(&none, &ports)
        ]
        .join("\n")
    );
    run_on(&env, &with(Some(SECRET)), &["init", "--yes"]).ok();
    run_on(&env, &with(Some(SECRET)), &["config", "show"]).ok();
    let doctor = run_on(&env, &with(Some(SECRET)), &["doctor", "--output", "json"]).json();
    let store = doctor
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["check"] == "store");
    assert_eq!(store.unwrap()["status"], "ok", "{doctor}");
    // A password file overrides the URL. Then URL and file come from the environment.
    let file = env.write_file("password", format!("{SECRET}\n"));
    let option = format!("store.passwordFile={file}");
    run_on(
        &env,
        &with(Some("wrong")),
        &["project", "list", "--set", &option],
    )
    .ok();
    let env = env
        .with("EKLAVYA_STORE_URL", &with(None))
        .with("EKLAVYA_STORE_PASSWORD_FILE", file.as_str());
    env.run(&["project", "list"]).ok();
    let shown = env.run(&["config", "show", "--output", "json"]).ok();
    assert!(!shown.snapshot_text().contains(SECRET));
    // The file is read at each start, and a wrong password is reported.
    env.write_file("password", "");
    let empty = env.run(&["project", "list"]);
    assert!(
        empty.code != 0 && empty.stderr.contains("is empty"),
        "{empty:?}"
    );
}

#[test]
fn a_server_can_be_reached_by_its_socket() {
    let server = TestPostgres::shared_server();
    let env = env();
    let sockets = server.psql("SHOW unix_socket_directories");
    let port = server.port();
    let url = format!("postgres://eklavya@/eklavya?host={sockets}&port={port}");
    run_on(&env, &url, &["init", "--yes"]).ok();
    let status = run_on(&env, &url, &["db", "status", "--output", "json"])
        .ok()
        .json();
    let shown = status["database"].as_str().unwrap();
    assert_eq!(
        shown,
        format!("postgres://eklavya@localhost/eklavya?host={sockets}&port={port}")
    );
}

#[test]
fn doctor_suggests_how_to_fix_the_store() {
    let env = env();
    let server = TestPostgres::shared_server();
    let store = |url: &str| {
        let found = run_on(&env, url, &["doctor", "--output", "json"])
            .assert_exit_code(7)
            .json();
        let rows = found.as_array().unwrap().clone();
        let row = rows
            .into_iter()
            .find(|row| row["check"] == "store")
            .unwrap();
        let text = format!("{}: {} -> {}", row["status"], row["detail"], row["fix"]);
        text.replace(&server.port().to_string(), "[PORT]")
    };
    let nowhere = server.url_with("eklavya", None, "nowhere");
    insta::assert_snapshot!([store(&server.url()), store(&nowhere)].join("\n"));
}

//! The audit trail on both databases: it stays in order, whatever is done at the same time, and
//! shows what is done behind its triggers.

use std::fmt::Write;
use std::sync::Arc;

use eklavya_core::audit::{AuditActor, ChainFaultKind};
use eklavya_core::clock::SystemClock;
use eklavya_core::project::Project;
use eklavya_services::projects::{self, NewProject};
use eklavya_services::{DataStore, audit};
use eklavya_store::{DatabaseLocation, PostgresServer, Store};
use eklavya_testkit::cli::TestEnv;
use eklavya_testkit::postgres::TestPostgres;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection};
use tempfile::TempDir;

/// A database, and the way behind the product's back.
struct AuditDatabase {
    directory: TempDir,
    url: Option<String>,
}

impl AuditDatabase {
    fn sqlite() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: None,
        }
    }

    fn postgres() -> Self {
        Self {
            url: Some(TestPostgres::shared()),
            ..Self::sqlite()
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("eklavya.db")
    }

    fn location(&self) -> DatabaseLocation {
        match &self.url {
            None => DatabaseLocation::File(self.file()),
            Some(url) => {
                let server = PostgresServer::new(&url.parse().unwrap(), None).unwrap();
                DatabaseLocation::Server(Box::new(server))
            }
        }
    }

    async fn open_data_store(&self) -> DataStore {
        let store = Store::create(&self.location()).await.unwrap();
        DataStore::new(store, Arc::new(SystemClock))
    }

    /// Runs SQL behind the product's back, with the triggers in force.
    async fn run_sql(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            None => {
                let mut database = self.sqlite_connection().await;
                Ok(database.execute(sql).await?.rows_affected())
            }
            Some(url) => {
                let mut database = PgConnection::connect(url).await.unwrap();
                Ok(database.execute(sql).await?.rows_affected())
            }
        }
    }

    async fn sqlite_connection(&self) -> SqliteConnection {
        let url = format!("sqlite://{}?mode=rwc", self.file().display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    /// Runs SQL with the triggers taken away meanwhile.
    async fn tamper(&self, sql: &str) {
        if self.url.is_some() {
            let sql = format!(
                "ALTER TABLE audit_logs DISABLE TRIGGER USER; ALTER TABLE audit_chains DISABLE \
                 TRIGGER USER; {sql}; ALTER TABLE audit_logs ENABLE TRIGGER USER; \
                 ALTER TABLE audit_chains ENABLE TRIGGER USER"
            );
            self.run_sql(&sql).await.unwrap();
            return;
        }
        let mut database = self.sqlite_connection().await;
        let triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
        let triggers = sqlx::query(triggers)
            .fetch_all(&mut database)
            .await
            .unwrap();
        let mut script = String::new();
        for trigger in &triggers {
            let name: String = trigger.get(0);
            writeln!(script, "DROP TRIGGER {name};").unwrap();
        }
        writeln!(script, "{sql};").unwrap();
        for trigger in &triggers {
            let text: String = trigger.get(1);
            writeln!(script, "{text};").unwrap();
        }
        database.execute(AssertSqlSafe(script)).await.unwrap();
    }

    /// Returns an identifier as it is written in SQL.
    fn sql_id(&self, id: uuid::Uuid) -> String {
        match self.url {
            None => format!("x'{}'", id.simple()),
            Some(_) => format!("'{id}'"),
        }
    }
}

async fn create_project(data: &DataStore, slug: &str) -> Project {
    let new = NewProject {
        name: slug.to_owned(),
        slug: Some(slug.to_owned()),
        client: "Ada".to_owned(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let actor = AuditActor::Admin("ada".to_owned());
    projects::create(data, &actor, new).await.unwrap()
}

async fn append_entry(data: &DataStore, project: Option<&Project>, details: Value) {
    let about = (project.map(|project| project.id), None);
    audit::record(data, &AuditActor::System, about, "test.note", details)
        .await
        .unwrap();
}

async fn assert_sound(data: &DataStore) -> Vec<audit::ChainVerification> {
    let verdicts = audit::verify_all(data).await.unwrap();
    assert!(
        verdicts.iter().all(|chain| chain.fault.is_none()),
        "{verdicts:#?}"
    );
    verdicts
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[\\x00-\\x20\"\\\\é]{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1e3..1e3).prop_map(Value::from),
        (-99_i32..99).prop_map(|whole| Value::from(f64::from(whole))),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let members = prop::collection::btree_map(text.clone(), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Whatever JSON is noted verifies after the database has kept it in its own way.
async fn any_details_verify(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let project = create_project(&data, "values").await;
    let (mut runner, values) = (TestRunner::default(), any_json());
    let mut change = data.begin(&AuditActor::System).await.unwrap();
    for _ in 0..200 {
        let value = values.new_tree(&mut runner).unwrap().current();
        let details = json!({ "value": value, "zero": -0.0, "large": 1e300, "nul": "a\0b" });
        change.add_audit((Some(project.id), None), "test.note", details);
    }
    change.commit().await.unwrap();
    let verdict = audit::verify(&data, &project).await.unwrap();
    assert_eq!((verdict.rows, verdict.fault), (201, None));
}

/// Many writers at a time, each in several chains: no gap, no deadlock.
async fn writers_do_not_disturb_each_other(fixture: &AuditDatabase) {
    const WRITERS: i64 = 6;
    const CHANGES: i64 = 15;
    let data = fixture.open_data_store().await;
    let projects = [
        create_project(&data, "one").await,
        create_project(&data, "two").await,
    ];
    let before: i64 = assert_sound(&data)
        .await
        .iter()
        .map(|chain| chain.rows)
        .sum();
    let writers = (0..WRITERS).map(|writer| {
        let (data, ids) = (data.clone(), [projects[0].id, projects[1].id]);
        tokio::spawn(async move {
            for number in 0..CHANGES {
                let mut change = data.begin(&AuditActor::System).await.unwrap();
                // In no order: the change puts them into theirs.
                let abouts = [Some(ids[1]), None, Some(ids[0])];
                for about in abouts
                    .iter()
                    .cycle()
                    .skip(usize::try_from(writer).unwrap())
                    .take(3)
                {
                    let details = json!({ "writer": writer, "number": number });
                    change.add_audit((*about, None), "test.note", details);
                }
                change.commit().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let after: i64 = assert_sound(&data)
        .await
        .iter()
        .map(|chain| chain.rows)
        .sum();
    assert_eq!(after - before, WRITERS * CHANGES * 3);
}

/// What the triggers hold off.
async fn the_triggers_hold(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let project = create_project(&data, "shop").await;
    append_entry(&data, Some(&project), json!({})).await;
    let id = fixture.sql_id(project.id.0);
    let columns = "(chain, position, previous_hash, hash, timestamp, actor, action, details)";
    let (one, hash) = (format!("chain = {id} AND position = 1"), "a".repeat(64));
    let refused = [
        format!("UPDATE audit_logs SET actor = 'eve' WHERE {one}"),
        format!("DELETE FROM audit_logs WHERE {one}"),
        format!(
            "INSERT INTO audit_logs {columns} VALUES ({id}, 3, '{hash}', '{hash}', 1, 'e', 'e', '{{}}')"
        ),
        format!(
            "INSERT INTO audit_logs {columns} VALUES ({id}, 9, '{hash}', '{hash}', 1, 'e', 'e', '{{}}')"
        ),
        format!("UPDATE audit_chains SET position = 1 WHERE chain = {id}"),
        format!("UPDATE audit_chains SET position = 4, hash = '{hash}' WHERE chain = {id}"),
        format!("UPDATE audit_chains SET hash = '{hash}' WHERE chain = {id}"),
        format!("DELETE FROM audit_chains WHERE chain = {id}"),
        format!(
            "INSERT INTO audit_chains (chain, position, hash) VALUES ({}, 1, '{hash}')",
            fixture.sql_id(uuid::Uuid::new_v4())
        ),
    ];
    let own = match fixture.url {
        Some(_) => vec![
            "TRUNCATE audit_logs".to_owned(),
            "TRUNCATE audit_chains".to_owned(),
        ],
        None => vec![format!(
            "INSERT OR REPLACE INTO audit_logs (id, chain, position, previous_hash, hash, timestamp, \
             actor, action, details) SELECT id, chain, 3, (SELECT hash FROM audit_chains WHERE \
             chain = {id}), '{hash}', 1, 'e', 'e', '{{}}' FROM audit_logs WHERE {one}"
        )],
    };
    for sql in refused.iter().chain(&own) {
        let done = fixture.run_sql(sql).await;
        assert!(done.is_err(), "{sql}: {done:?}");
    }
    if fixture.url.is_none() {
        let replaced = format!("INSERT OR REPLACE INTO audit_chains VALUES ({id}, {id}, 0, NULL)");
        assert_eq!(fixture.run_sql(&replaced).await.unwrap(), 0);
    }
    assert_sound(&data).await;
}

/// What is done behind the triggers, with the first broken row of it; `{c}` is the chain, which has
/// six rows.
const TAMPERED: [(&str, &str, ChainFaultKind, i64); 9] = [
    (
        "changed",
        "UPDATE audit_logs SET details = '{\"number\":99}' WHERE chain = {c} AND position = 3",
        ChainFaultKind::Hash,
        3,
    ),
    (
        "redated",
        "UPDATE audit_logs SET timestamp = timestamp + 1 WHERE chain = {c} AND position = 6",
        ChainFaultKind::Hash,
        6,
    ),
    (
        "deleted",
        "DELETE FROM audit_logs WHERE chain = {c} AND position = 4",
        ChainFaultKind::Gap,
        4,
    ),
    (
        "cut",
        "DELETE FROM audit_logs WHERE chain = {c} AND position > 4",
        ChainFaultKind::Truncated,
        5,
    ),
    (
        "swapped",
        "UPDATE audit_logs SET position = 100 WHERE chain = {c} AND position = 2; \
         UPDATE audit_logs SET position = 2 WHERE chain = {c} AND position = 3; \
         UPDATE audit_logs SET position = 3 WHERE chain = {c} AND position = 100",
        ChainFaultKind::Link,
        2,
    ),
    (
        "inserted",
        "INSERT INTO audit_logs (chain, position, previous_hash, hash, timestamp, project_id, actor, \
         action, details) SELECT chain, 7, hash, hash, timestamp, project_id, actor, action, details \
         FROM audit_logs WHERE chain = {c} AND position = 6",
        ChainFaultKind::Hash,
        7,
    ),
    (
        "rehashed",
        "UPDATE audit_logs SET hash = '0000000000000000000000000000000000000000000000000000000000000000' \
         WHERE chain = {c} AND position = 2",
        ChainFaultKind::Hash,
        2,
    ),
    (
        "beheaded",
        "DELETE FROM audit_chains WHERE chain = {c}",
        ChainFaultKind::Missing,
        6,
    ),
    (
        "gone",
        "DELETE FROM audit_chains WHERE chain = {c}; DELETE FROM audit_logs WHERE chain = {c}",
        ChainFaultKind::Missing,
        1,
    ),
];

async fn tampering_is_found(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let mut projects = Vec::new();
    for (slug, ..) in TAMPERED {
        let project = create_project(&data, slug).await;
        for number in 2..=6 {
            append_entry(&data, Some(&project), json!({ "number": number })).await;
        }
        projects.push(project);
    }
    let untouched = create_project(&data, "untouched").await;
    assert_sound(&data).await;
    for ((slug, sql, kind, position), project) in TAMPERED.iter().zip(&projects) {
        let sql = sql.replace("{c}", &fixture.sql_id(project.id.0));
        fixture.tamper(&sql).await;
        let verdict = audit::verify(&data, project).await.unwrap();
        let fault = verdict
            .fault
            .unwrap_or_else(|| panic!("{slug} is not found"));
        assert_eq!(
            (fault.kind, fault.position),
            (*kind, *position),
            "{slug}: {fault:?}"
        );
        assert_eq!(verdict.hash, None);
    }
    let all = audit::verify_all(&data).await.unwrap();
    let broken = all.iter().filter(|chain| chain.fault.is_some()).count();
    assert_eq!((all.len(), broken), (TAMPERED.len() + 2, TAMPERED.len()));
    let verdict = audit::verify(&data, &untouched).await.unwrap();
    assert_eq!(verdict.fault, None);
    if fixture.url.is_none() {
        let chain = fixture.sql_id(untouched.id.0);
        let garbage = format!("UPDATE audit_logs SET details = '{{' WHERE chain = {chain}");
        fixture.tamper(&garbage).await;
        let verdict = audit::verify(&data, &untouched).await.unwrap();
        assert_eq!(verdict.fault.unwrap().kind, ChainFaultKind::Unreadable);
    }
}

/// A database of before the chains, with lines in it.
async fn create_old_schema(fixture: &AuditDatabase, first_details: &str) {
    let text = match fixture.url {
        None => include_str!("../../migrations/sqlite/0001_initial.sql"),
        Some(_) => include_str!("../../migrations/postgres/0001_initial.sql"),
    };
    let step = Migration::new(
        1,
        "initial".into(),
        MigrationType::Simple,
        text.into_sql_str(),
        false,
    );
    let migrator = Migrator {
        migrations: vec![step].into(),
        ..Migrator::DEFAULT
    };
    match &fixture.url {
        None => migrator
            .run(&mut fixture.sqlite_connection().await)
            .await
            .unwrap(),
        Some(url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            migrator.run(&mut database).await.unwrap();
        }
    }
    let id = |number| fixture.sql_id(uuid::Uuid::from_u128(number));
    let line = "INSERT INTO audit_logs (timestamp, project_id, actor, action, details) VALUES";
    fixture
        .run_sql(&format!(
            "{line} (1, NULL, 'system', 'a.b', '{first_details}')"
        ))
        .await
        .unwrap();
    let mut rest = format!("{line} (2, {}, 'system', 'a.b', '{{\"n\": 1.50}}')", id(1));
    for number in 0..600 {
        let project = id(1 + number % 3);
        let details = format!("'{{\"n\": {number}}}'");
        write!(
            rest,
            ", ({number}, {project}, 'admin:ada', 'c.d', {details})"
        )
        .unwrap();
    }
    fixture.run_sql(&rest).await.unwrap();
}

async fn an_old_trail_is_chained(fixture: &AuditDatabase) {
    let scale = "UPDATE audit_logs SET";
    create_old_schema(fixture, "{}").await;
    // A line that cannot be read stops it: nothing has happened then.
    let spoil = "INSERT INTO audit_logs (timestamp, actor, action, details) \
        VALUES (9223372036854775807, 'system', 'a.b', '{}')";
    fixture.run_sql(spoil).await.unwrap();
    assert!(Store::create(&fixture.location()).await.is_err());
    let triggers = match fixture.url {
        None => "DROP TRIGGER audit_logs_keep_values".to_owned(),
        Some(_) => "ALTER TABLE audit_logs DISABLE TRIGGER USER".to_owned(),
    };
    fixture.run_sql(&triggers).await.unwrap();
    let repaired = format!("{scale} timestamp = 5 WHERE timestamp = 9223372036854775807");
    assert_eq!(fixture.run_sql(&repaired).await.unwrap(), 1);
    let restore = match fixture.url {
        None => {
            "CREATE TRIGGER audit_logs_keep_values BEFORE UPDATE ON audit_logs \
            BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END"
        }
        Some(_) => "ALTER TABLE audit_logs ENABLE TRIGGER USER",
    };
    fixture.run_sql(restore).await.unwrap();

    let data = fixture.open_data_store().await;
    let verdicts = assert_sound(&data).await;
    let mut rows: Vec<i64> = verdicts.iter().map(|chain| chain.rows).collect();
    rows.sort_unstable();
    // The installation's two, and that the schema was brought up to date.
    assert_eq!(rows, [3, 200, 200, 201]);
    let lines = audit::list(&data, &eklavya_store::audit::AuditFilter::default())
        .await
        .unwrap();
    let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
    assert_eq!(ids[..603], (1..=603).collect::<Vec<_>>());
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let last = lines.last().unwrap();
    assert_eq!(
        (last.content.action.as_str(), last.position),
        ("store.upgrade", 3)
    );
    assert!(
        fixture
            .run_sql("SELECT 1 FROM audit_logs_unchained")
            .await
            .is_err()
    );
    drop(data);
    let again = fixture.open_data_store().await;
    create_project(&again, "later").await;
    assert_sound(&again).await;
}

async fn all_contracts(fixture: impl Fn() -> AuditDatabase) {
    any_details_verify(&fixture()).await;
    the_triggers_hold(&fixture()).await;
    tampering_is_found(&fixture()).await;
    writers_do_not_disturb_each_other(&fixture()).await;
    an_old_trail_is_chained(&fixture()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_on_sqlite() {
    all_contracts(AuditDatabase::sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_on_postgres() {
    all_contracts(AuditDatabase::postgres).await;
}

#[test]
fn the_commands_on_postgres() {
    let env = TestEnv::empty().with("EKLAVYA_STORE_URL", &TestPostgres::shared());
    env.run(&["init", "--yes"]).ok();
    env.create_project("Shop");
    env.run(&["project", "pause", "shop"]).ok();
    let log = env.run(&["audit", "log", "--output", "json"]).ok().json();
    let actions: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["installation.init", "project.create", "project.advance"]
    );
    let one = env.run(&[
        "audit", "log", "shop", "--action", "project.", "--since", "1", "--output", "json",
    ]);
    assert_eq!(one.ok().json()[0]["position"], 2);
    env.run(&["audit", "verify"]).ok();
    env.run(&["audit", "export", "shop", "--to", "shop.jsonl"])
        .ok();
    let offline = TestEnv::empty();
    let file = env.path().join("shop.jsonl");
    let verified = offline.run(&[
        "audit",
        "verify",
        "--file",
        file.as_str(),
        "--output",
        "json",
    ]);
    assert_eq!(verified.ok().json()[0]["rows"], 2);
}

//! Every table and column with extreme values, copied to the other database and back.

use std::collections::BTreeMap;

use eklavya_store::copy::{CopySource, CopySummary};
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::fixtures::databases::{self, TestDatabase};
use crate::fixtures::project_records::HOSTILE;

/// A column of a SQLite table.
#[derive(Debug, Clone)]
struct SqliteColumn {
    name: String,
    kind: String,
    required: bool,
    key: bool,
    /// An index of PostgreSQL cannot hold long texts.
    indexed: bool,
    target: Option<String>,
}

type SqliteTables = BTreeMap<String, Vec<SqliteColumn>>;

async fn read_tables(database: &mut SqliteConnection) -> SqliteTables {
    const SQL: &str = "SELECT m.name AS tab, t.name AS col, t.type AS kind, t.\"notnull\" AS required, \
        t.pk AS pk, f.\"table\" AS target, EXISTS (SELECT 1 FROM pragma_index_list(m.name) l, \
        pragma_index_info(l.name) i WHERE i.name = t.name) AS indexed FROM sqlite_master m JOIN pragma_table_info(m.name) t \
        LEFT JOIN pragma_foreign_key_list(m.name) f ON f.\"from\" = t.name \
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> '_sqlx_migrations'";
    let mut tables = SqliteTables::new();
    for row in sqlx::query(SQL).fetch_all(database).await.unwrap() {
        tables
            .entry(row.get("tab"))
            .or_default()
            .push(SqliteColumn {
                name: row.get("col"),
                kind: row.get("kind"),
                required: row.get("required"),
                key: row.get::<i64, _>("pk") > 0,
                indexed: row.get("indexed"),
                target: row.get("target"),
            });
    }
    tables
}

/// Returns the PostgreSQL type of each column, `table.column`, and whether it is required.
async fn postgres_types(url: &str) -> BTreeMap<String, (String, bool)> {
    const SQL: &str = "SELECT table_name || '.' || column_name AS name, udt_name::text AS kind, \
        is_nullable = 'NO' AS required FROM information_schema.columns \
        WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', 'unplaced_events')";
    let mut database = sqlx::PgConnection::connect(url).await.unwrap();
    let rows = sqlx::query(SQL).fetch_all(&mut database).await.unwrap();
    rows.iter()
        .map(|row| (row.get("name"), (row.get("kind"), row.get("required"))))
        .collect()
}

async fn open(file: &std::path::Path) -> SqliteConnection {
    let url = format!("sqlite://{}", file.display());
    SqliteConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let [sqlite, _] = TestDatabase::each().await;
    let url = TestPostgres::shared_server().url();
    let types = postgres_types(&url).await;
    let mut database = open(&sqlite.file()).await;
    let tables = read_tables(&mut database).await;
    let mut missing: Vec<&String> = types.keys().collect();
    for (table, columns) in &tables {
        assert!(
            columns.iter().any(|column| column.key),
            "{table} has no key"
        );
        for column in columns {
            let name = format!("{table}.{}", column.name);
            let (kind, required) = types
                .get(&name)
                .unwrap_or_else(|| panic!("{name} is missing"));
            let expected = match column.kind.as_str() {
                "BLOB" => ["uuid", "bytea"],
                "INTEGER" => ["int8", "bool"],
                "TEXT" => ["text", "jsonb"],
                other => panic!("{name} is {other}"),
            };
            assert!(expected.contains(&kind.as_str()), "{name}: {kind}");
            // An integer key of SQLite is never NULL, although the schema does not state it.
            let required_here = column.required || (column.key && column.kind == "INTEGER");
            assert_eq!(
                *required, required_here,
                "{name} is required in one schema only"
            );
            missing.retain(|other| **other != name);
        }
    }
    assert!(missing.is_empty(), "SQLite lacks {missing:?}");
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
        any::<String>().prop_map(|text| text.replace('\0', "0")),
        Just("x\u{10FFFF}\\\t".repeat(1 << 17)),
    ]
}

fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()]
}

fn any_document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.0, 1.0, 1e16, 1e21, 1e300, 5e-324, 0.1])
            .prop_map(Value::from),
        any_text()
            .prop_filter("short", |text| text.len() < 1000)
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        let name = prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Returns the literal of a random value of a column with this PostgreSQL type.
fn random_literal(kind: &str, indexed: bool, runner: &mut TestRunner) -> String {
    use proptest::strategy::ValueTree;
    fn draw_value<T: std::fmt::Debug>(
        from: impl Strategy<Value = T>,
        runner: &mut TestRunner,
    ) -> T {
        from.new_tree(runner).unwrap().current()
    }
    let quoted = |text: String| format!("'{}'", text.replace('\'', "''"));
    match kind {
        "int8" => match draw_value(any_number(), runner) {
            // Without the sign, its digits do not fit into 64 bits.
            i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
            number => number.to_string(),
        },
        "bool" => i64::from(draw_value(any::<bool>(), runner)).to_string(),
        "text" if indexed => quoted(draw_value(
            any_text().prop_map(|text| text.chars().take(99).collect()),
            runner,
        )),
        "text" => quoted(draw_value(any_text(), runner)),
        "jsonb" => quoted(draw_value(any_document(), runner).to_string()),
        "uuid" => format!("x'{:032x}'", draw_value(any::<u128>(), runner)),
        "bytea" => format!("x'{:016x}'", draw_value(any::<u64>(), runner)),
        other => panic!("unknown type {other}"),
    }
}

/// Fills every table with rows of random values, and NULL if it is allowed.
async fn fill_tables(database: &mut SqliteConnection, types: &BTreeMap<String, (String, bool)>) {
    let config = Config {
        rng_seed: RngSeed::Fixed(3),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    // Triggers refuse some changes of single rows, which this test does not check.
    let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
    let triggers: Vec<String> = sqlx::query_scalar(triggers)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    for trigger in triggers {
        run(database, &format!("DROP TRIGGER {trigger}")).await;
    }
    let mut waiting = read_tables(database).await;
    while !waiting.is_empty() {
        let free = |columns: &Vec<SqliteColumn>| {
            let mut targets = columns.iter().filter_map(|column| column.target.as_ref());
            targets.all(|target| !waiting.contains_key(target))
        };
        let next = waiting.iter().find(|(_, columns)| free(columns));
        let table = next
            .expect("tables refer to one another in a circle")
            .0
            .clone();
        let columns = waiting.remove(&table).unwrap();
        for row in 0..ROWS {
            let sql = insert_statement(&table, &columns, row, types, &mut runner);
            run(database, &sql).await;
        }
    }
}

/// The number of rows of each table.
const ROWS: usize = 4;

/// Returns a statement that inserts a random row, unless a constraint refuses the row.
fn insert_statement(
    table: &str,
    columns: &[SqliteColumn],
    row: usize,
    types: &BTreeMap<String, (String, bool)>,
    runner: &mut TestRunner,
) -> String {
    let value = |column: &SqliteColumn| match &column.target {
        _ if row % 2 == 1 && !column.required && !column.key => "NULL".to_owned(),
        Some(target) => format!("(SELECT id FROM {target} ORDER BY id LIMIT 1 OFFSET {row})"),
        None => random_literal(
            &types[&format!("{table}.{}", column.name)].0,
            column.indexed,
            runner,
        ),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    format!(
        "INSERT OR IGNORE INTO {table} VALUES ({})",
        values.join(", ")
    )
}

async fn run(database: &mut SqliteConnection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(database).await.unwrap();
}

async fn copy_database(from: &DatabaseLocation, to: &DatabaseLocation) -> CopySummary {
    let (store, source) = CopySource::open_locked(from).await.unwrap();
    let copied = source.copy_into(to, &mut |_| ()).await.unwrap();
    store.close().await;
    copied
}

/// Returns the rows of each table. Equal documents are written alike.
async fn dump(
    database: &mut SqliteConnection,
    types: &BTreeMap<String, (String, bool)>,
) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for (table, columns) in read_tables(database).await {
        let kinds: Vec<&str> = columns
            .iter()
            .map(|column| types[&format!("{table}.{}", column.name)].0.as_str())
            .collect();
        let shown: Vec<String> = columns
            .iter()
            .zip(&kinds)
            .map(|(column, kind)| match *kind {
                "jsonb" => format!("COALESCE({}, 'NULL')", column.name),
                _ => format!("quote({})", column.name),
            })
            .collect();
        let sql = AssertSqlSafe(format!("SELECT {} FROM {table}", shown.join(", ")));
        let found = sqlx::query(sql).fetch_all(&mut *database).await.unwrap();
        let mut rows: Vec<String> = found.iter().map(|row| row_line(row, &kinds)).collect();
        rows.sort();
        all.insert(table, rows);
    }
    all
}

fn row_line(row: &sqlx::sqlite::SqliteRow, kinds: &[&str]) -> String {
    let cells = kinds.iter().enumerate().map(|(directory, kind)| {
        let text: String = row.get(directory);
        match (*kind, text.as_str()) {
            (_, "NULL") => text,
            ("jsonb", _) => canonical_json(&serde_json::from_str(&text).unwrap()),
            _ => text,
        }
    });
    cells.collect::<Vec<_>>().join("|")
}

/// Writes a document so that equal ones are written alike.
fn canonical_json(json: &serde_json::Value) -> String {
    use serde_json::Value;
    match json {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float == 0.0 => "0".to_owned(),
            Some(float) if number.is_f64() => format!("{float}"),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("{:?}", items.iter().map(canonical_json).collect::<Vec<_>>())
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name, canonical_json(value)));
            format!("{:?}", fields.collect::<BTreeMap<_, _>>())
        }
        other => other.to_string(),
    }
}

#[tokio::test]
async fn a_copy_to_the_other_database_and_back_is_identical() {
    let source = TestDatabase::sqlite().await;
    let url = TestPostgres::shared();
    let server = databases::server(&url);
    // The migrations define the types.
    Store::create(&server).await.unwrap().close().await;
    let types = postgres_types(&url).await;
    let mut before = open(&source.file()).await;
    fill_tables(&mut before, &types).await;
    let expected = dump(&mut before, &types).await;
    let filled = expected.values().filter(|rows| !rows.is_empty()).count();
    assert!(filled + 3 >= expected.len(), "{expected:?}");
    before.close().await.unwrap();
    let there = copy_database(&source.location, &server).await;
    assert_eq!(there.replaced, 0);
    let directory = tempfile::tempdir().unwrap();
    let back = copy_database(&server, &databases::file(&directory)).await;
    assert_eq!(there.tables, back.tables);
    let mut after = open(&directory.path().join("eklavya.db")).await;
    let found = dump(&mut after, &types).await;
    for (table, rows) in &expected {
        assert!(found[table] == *rows, "{table} differs");
    }
}

#[tokio::test]
async fn text_that_postgres_cannot_store_is_replaced_and_counted() {
    let source = TestDatabase::sqlite().await;
    let mut tx = source.store.begin_write().await.unwrap();
    let project = crate::fixtures::project_records::project(1, "shop");
    eklavya_store::projects::insert(&mut tx, &project)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut database = open(&source.file()).await;
    run(
        &mut database,
        "UPDATE projects SET name = 'a' || char(0) || 'b'",
    )
    .await;
    let server = databases::server(&TestPostgres::shared());
    assert_eq!(copy_database(&source.location, &server).await.replaced, 1);
    let store = Store::open(&server).await.unwrap();
    let mut tx = store.begin_read().await.unwrap();
    let found = eklavya_store::projects::all(&mut tx).await.unwrap();
    assert_eq!(found[0].name, "a\u{FFFD}b");
}

/// A sequence number is never assigned again, even if its row is gone.
#[tokio::test]
async fn a_copy_keeps_the_counters_of_sequences() {
    const LAST: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'audit_logs'";
    let source = TestDatabase::sqlite().await;
    let mut database = open(&source.file()).await;
    let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'";
    let triggers: Vec<String> = sqlx::query_scalar(triggers)
        .fetch_all(&mut database)
        .await
        .unwrap();
    for trigger in triggers {
        run(&mut database, &format!("DROP TRIGGER {trigger}")).await;
    }
    for table in ["events", "audit_logs"] {
        run(
            &mut database,
            &format!("INSERT OR REPLACE INTO sqlite_sequence (name, seq) VALUES ('{table}', 41)"),
        )
        .await;
    }
    let directory = tempfile::tempdir().unwrap();
    let url = TestPostgres::shared();
    let (there, back) = (databases::server(&url), databases::file(&directory));
    copy_database(&source.location, &there).await;
    copy_database(&there, &back).await;
    let mut after = open(&directory.path().join("eklavya.db")).await;
    let last: i64 = sqlx::query_scalar(LAST)
        .fetch_one(&mut after)
        .await
        .unwrap();
    assert_eq!(last, 41);
}

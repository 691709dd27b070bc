//! What the database of a studio says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::running::{Running, eventually};
use crate::studio::Studio;

/// How long a test waits for the product's own transaction.
const BUSY: Duration = Duration::from_secs(5);

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `reserved`, `settled` or `released`.
    pub status: String,
    /// What was held, in micro-dollars.
    pub reserved_micros: i64,
    /// What was booked, in micro-dollars.
    pub settled_micros: Option<i64>,
    /// Whether it was booked at its upper bound.
    pub upper_bound: bool,
    /// The endpoint's id of the request.
    pub request_id: Option<String>,
}

impl Studio {
    /// Returns the first column of what a query finds, as text.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        self.with_database(true, async move |database| {
            let rows = sqlx::query(sql).fetch_all(database).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
    }

    /// Changes the database behind the product's back.
    pub fn meddle(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        self.with_database(false, async move |database| {
            sqlx::query(sql).execute(database).await.unwrap();
        });
    }

    /// Stops a process where it is, but not in the middle of a transaction, in which it would keep
    /// everybody else from writing.
    pub fn freeze(&self, running: &Running) {
        let frozen = eventually(|| {
            running.signal(Signal::SIGSTOP);
            let free = self.with_database(false, async |database| {
                let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut *database).await;
                begun.is_ok()
            });
            if !free {
                running.signal(Signal::SIGCONT);
            }
            free
        });
        assert!(frozen, "it never lets go of the database");
    }

    /// Returns everything that stands in the database, one line for each row.
    pub fn dump(&self) -> Vec<String> {
        const TABLES: &str = "SELECT m.name, group_concat('quote(' || c.name || ')', \
            ' || '' '' || ') FROM sqlite_master m JOIN pragma_table_info(m.name) c \
            WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name";
        self.with_database(true, async |database| {
            let tables = sqlx::query(TABLES).fetch_all(&mut *database).await.unwrap();
            let mut lines = Vec::new();
            for table in tables {
                let (name, columns): (String, String) = (table.get(0), table.get(1));
                let sql = AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY 1"));
                let rows = sqlx::query(sql).fetch_all(&mut *database).await.unwrap();
                lines.extend(
                    rows.iter()
                        .map(|row| format!("{name} {}", row.get::<String, _>(0))),
                );
            }
            lines
        })
    }

    /// Returns the ledger, oldest entry first.
    pub fn ledger(&self) -> Vec<Entry> {
        const SQL: &str = "SELECT status, reserved_micros, settled_micros, upper_bound, request_id \
            FROM ledger ORDER BY created_at, id";
        self.with_database(true, async |database| {
            let rows = sqlx::query(SQL).fetch_all(database).await.unwrap();
            rows.iter().map(entry).collect()
        })
    }

    /// Asserts that every request stands in the ledger at exactly what it was billed, and that
    /// those whose answer was not seen to its end stand there at no less.
    #[track_caller]
    pub fn assert_books_are_what_was_billed(&self) {
        let ledger = self.ledger();
        assert!(
            ledger.iter().all(|entry| entry.status != "reserved"),
            "{ledger:#?}"
        );
        let exact = |entry: &&Entry| entry.status == "settled" && !entry.upper_bound;
        let booked: BTreeMap<_, _> = ledger
            .iter()
            .filter(exact)
            .map(|entry| {
                (
                    entry.request_id.clone().unwrap(),
                    entry.settled_micros.unwrap(),
                )
            })
            .collect();
        let log = self.upstream.log();
        let (whole, cut): (Vec<_>, Vec<_>) = log
            .into_iter()
            .filter(|asked| !asked.refused)
            .partition(|asked| booked.contains_key(&asked.request_id));
        let billed: BTreeMap<_, _> = whole
            .into_iter()
            .map(|asked| (asked.request_id, asked.bill.micros))
            .collect();
        assert_eq!(booked, billed);
        let bounds = ledger.iter().filter(|entry| entry.upper_bound);
        let bounds: Vec<i64> = bounds.map(|entry| entry.settled_micros.unwrap()).collect();
        assert_eq!(bounds.len(), cut.len(), "{ledger:#?} {cut:#?}");
        let charged: i64 = cut.iter().map(|asked| asked.bill.micros).sum();
        assert!(
            bounds.iter().sum::<i64>() >= charged,
            "{ledger:#?} {cut:#?}"
        );
        let spent: i64 = booked.values().sum::<i64>() + bounds.iter().sum::<i64>();
        let stands = "SELECT CAST(spent_micros AS TEXT) || ' ' || reserved_micros FROM budgets \
            WHERE scope = 'project'";
        assert_eq!(self.ask(stands), [format!("{spent} 0")]);
    }

    /// Asserts that no answer of the model was played twice, and no task was worked on again after
    /// it was done.
    #[track_caller]
    pub fn assert_nothing_was_done_twice(&self) {
        let mut seen = BTreeSet::new();
        for asked in self.upstream.log().into_iter().filter(|asked| asked.whole) {
            let place = (asked.task, asked.attempt, asked.step);
            assert!(seen.insert(place.clone()), "{place:?} was played twice");
        }
        let completed = "SELECT t.key || ' ' || count(*) FROM agents a JOIN tasks t \
            ON t.id = a.task_id WHERE a.status = 'completed' GROUP BY t.key HAVING count(*) > 1";
        assert_eq!(self.ask(completed), [""; 0]);
    }

    /// Asserts that the audit trail verifies, and that each tool call that an agent made is one row
    /// of it, whatever happened to its worker.
    #[track_caller]
    pub fn assert_the_audit_trail_is_whole(&self) {
        self.run(&["audit", "verify"]).ok();
        let noted = "SELECT lower(hex(agent_id)) || ' ' || json_extract(details, '$.call') \
            FROM audit_logs WHERE action = 'agent.tool' ORDER BY 1";
        assert_eq!(self.ask(noted), self.tool_calls());
    }

    /// Returns the tool calls that the transcripts tell of: agent and call.
    fn tool_calls(&self) -> Vec<String> {
        let transcripts = self.project_dir().join("transcripts");
        let mut calls = Vec::new();
        for entry in transcripts.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            let agent = path.file_stem().unwrap().replace('-', "");
            let text = std::fs::read_to_string(&path).unwrap();
            for record in text.lines() {
                let record: Value = serde_json::from_str(record).unwrap_or_default();
                let line = record["line"].as_str().unwrap_or_default();
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                let blocks = line["message"]["content"].as_array();
                let used = blocks.into_iter().flatten().filter(|block| {
                    record["direction"] == "out"
                        && line["type"] == "assistant"
                        && block["type"] == "tool_use"
                });
                calls
                    .extend(used.map(|block| format!("{agent} {}", block["id"].as_str().unwrap())));
            }
        }
        calls.sort();
        calls
    }

    fn with_database<T>(
        &self,
        read_only: bool,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> T,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(self.home().join("eklavya.db"))
                .busy_timeout(BUSY);
            let mut database = options.read_only(read_only).connect().await.unwrap();
            work(&mut database).await
        })
    }
}

fn entry(row: &SqliteRow) -> Entry {
    Entry {
        status: row.get("status"),
        reserved_micros: row.get("reserved_micros"),
        settled_micros: row.get("settled_micros"),
        upper_bound: row.get("upper_bound"),
        request_id: row.get("request_id"),
    }
}

//! The ledger of an installation, compared with the bill of the endpoint.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::install::TestInstall;
use crate::install::running::{RunningCommand, wait_until};
use crate::upstream::RecordedRequest;

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// `reserved`, `settled` or `released`.
    pub status: String,
    /// The agent that made the request.
    pub agent: String,
    /// In micro-dollars.
    pub reserved_micros: i64,
    /// In micro-dollars.
    pub settled_micros: Option<i64>,
    /// Whether it was settled at its upper bound.
    pub upper_bound: bool,
    /// The endpoint's id of the request.
    pub request_id: Option<String>,
}

/// Whether the ledger may contain requests that the endpoint never saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsentRequests {
    /// No: every process that reserved money lived to send the request.
    Impossible,
    /// Yes: a worker may have died after it reserved the money for a request. Whether the request
    /// was sent is unknown, so its entry is settled at the upper bound.
    Possible,
}

impl TestInstall {
    /// Returns the first column of a query's result, as text.
    pub fn query_column(&self, sql: &str) -> Vec<String> {
        let rows = self.database.rows(sql).into_iter();
        rows.map(|row| row.into_iter().next().unwrap()).collect()
    }

    /// Changes the database without the product.
    pub fn execute_sql(&self, sql: &str) {
        self.database.connect().execute(sql);
    }

    /// Stops a process, but not within a transaction, because its lock would keep other processes
    /// from writing the database file.
    pub fn freeze_outside_transaction(&self, running: &RunningCommand) {
        let mut observer = self.database.connect();
        // If the process is stopped within a transaction, it must continue at once: a long stop
        // would cost it the lease.
        observer.execute("PRAGMA busy_timeout = 0");
        let frozen = wait_until(|| {
            running.signal(Signal::SIGSTOP);
            assert!(
                wait_until(|| running.is_stopped()),
                "the process does not stop"
            );
            let free = observer.try_execute("BEGIN IMMEDIATE; ROLLBACK").is_ok();
            if !free {
                running.signal(Signal::SIGCONT);
            }
            free
        });
        assert!(frozen, "the process always holds the lock of the database");
    }

    /// Returns all rows of the database file, one line each.
    pub fn dump_rows(&self) -> Vec<String> {
        const TABLES: &str = "SELECT m.name, group_concat('quote(' || c.name || ')', \
            ' || '' '' || ') FROM sqlite_master m JOIN pragma_table_info(m.name) c \
            WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name";
        let mut lines = Vec::new();
        for table in self.database.rows(TABLES) {
            let (name, columns) = (&table[0], &table[1]);
            let rows = self.query_column(&format!("SELECT {columns} FROM {name} ORDER BY 1"));
            lines.extend(rows.iter().map(|row| format!("{name} {row}")));
        }
        lines
    }

    /// Returns the ledger, oldest entry first.
    pub fn ledger_rows(&self) -> Vec<LedgerRow> {
        const SQL: &str = "SELECT status, agent_id, reserved_micros, settled_micros, upper_bound, \
            request_id FROM ledger ORDER BY created_at, id";
        self.database
            .rows(SQL)
            .iter()
            .map(|row| parse_ledger_row(row))
            .collect()
    }

    /// Asserts that the ledger has every request at exactly its price, and every request whose
    /// answer was cut off at its price or more.
    #[track_caller]
    pub fn assert_ledger_equals_bill(&self) {
        self.assert_ledger_matches_bill(UnsentRequests::Impossible);
    }

    /// Asserts the same as [`Self::assert_ledger_equals_bill`], but the ledger may contain requests
    /// that were never sent.
    #[track_caller]
    pub fn assert_ledger_matches_bill(&self, unsent: UnsentRequests) {
        let ledger = self.ledger_rows();
        let open = ledger.iter().find(|entry| entry.status == "reserved");
        assert_eq!(open, None);
        let exact = |entry: &&LedgerRow| entry.status == "settled" && !entry.upper_bound;
        let booked: BTreeMap<_, _> = ledger
            .iter()
            .filter(exact)
            .map(|entry| (entry.request_id.clone().unwrap(), entry.micros()))
            .collect();
        let log = self.upstream.requests().into_iter();
        let (whole, cut): (Vec<_>, Vec<_>) = log
            .filter(|request| !request.refused)
            .partition(|request| booked.contains_key(&request.request_id));
        let billed: BTreeMap<_, _> = whole
            .into_iter()
            .map(|request| (request.request_id, request.bill.micros))
            .collect();
        assert_eq!(booked, billed);
        let bounds: Vec<_> = ledger.iter().filter(|entry| entry.upper_bound).collect();
        assert_upper_bounds(&bounds, &cut, unsent);
        let bounds = bounds.into_iter().map(LedgerRow::micros).sum::<i64>();
        let spent: i64 = booked.values().sum::<i64>() + bounds;
        let stands = "SELECT CAST(spent_micros AS TEXT) || ' ' || reserved_micros FROM budgets \
            WHERE scope = 'project'";
        assert_eq!(self.query_column(stands), [format!("{spent} 0")]);
    }

    /// Asserts that no answer of the model was played twice, and that no agent worked on a task
    /// that was done.
    #[track_caller]
    pub fn assert_nothing_was_done_twice(&self) {
        let mut seen = BTreeSet::new();
        for request in self
            .upstream
            .requests()
            .into_iter()
            .filter(|request| request.whole)
        {
            let step = (request.task, request.attempt, request.step);
            assert!(seen.insert(step.clone()), "{step:?} was played twice");
        }
        self.assert_no_task_was_done_twice();
    }

    /// Asserts that no agent worked on a task that was done.
    #[track_caller]
    pub fn assert_no_task_was_done_twice(&self) {
        let completed = "SELECT t.key || ' ' || count(*) FROM agents a JOIN tasks t \
            ON t.id = a.task_id WHERE a.status = 'completed' GROUP BY t.key HAVING count(*) > 1";
        assert_eq!(self.query_column(completed), [""; 0]);
    }

    /// Asserts that the audit trail verifies, and that it has one row for each tool call of an
    /// agent, even if the worker of the agent died.
    #[track_caller]
    pub fn assert_audit_trail_is_complete(&self) {
        self.run(&["audit", "verify"]).ok();
        let noted = "SELECT agent_id, details FROM audit_logs WHERE action = 'agent.tool'";
        let rows = self.database.rows(noted).into_iter();
        let mut noted: Vec<String> = rows
            .map(|row| {
                let details: Value = serde_json::from_str(&row[1]).unwrap();
                format!(
                    "{} {}",
                    row[0].replace('-', ""),
                    details["call"].as_str().unwrap()
                )
            })
            .collect();
        noted.sort();
        assert_eq!(noted, self.tool_calls());
    }

    /// Returns the tool calls in the transcripts: agent and call.
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
}

/// Asserts that each request whose answer was cut off has its own entry that is no lower than its
/// price.
#[track_caller]
fn assert_upper_bounds(bounds: &[&LedgerRow], cut: &[RecordedRequest], unsent: UnsentRequests) {
    let details = || format!("{bounds:#?} {cut:#?}");
    match unsent {
        UnsentRequests::Impossible => assert_eq!(bounds.len(), cut.len(), "{}", details()),
        UnsentRequests::Possible => assert!(bounds.len() >= cut.len(), "{}", details()),
    }
    // A request that an agent sent without the CLI names no agent.
    let agents: BTreeSet<_> = cut.iter().map(|request| &request.agent).collect();
    for agent in agents.into_iter().filter(|agent| !agent.is_empty()) {
        let of_agent = bounds.iter().filter(|entry| entry.agent == *agent);
        let mut booked: Vec<i64> = of_agent.map(|entry| entry.micros()).collect();
        let request = cut.iter().filter(|request| request.agent == *agent);
        let mut billed: Vec<i64> = request.map(|request| request.bill.micros).collect();
        booked.sort_unstable_by(|a, b| b.cmp(a));
        billed.sort_unstable_by(|a, b| b.cmp(a));
        let covered = billed
            .iter()
            .zip(&booked)
            .all(|(bill, bound)| bound >= bill);
        assert!(booked.len() >= billed.len() && covered, "{}", details());
    }
}

impl LedgerRow {
    fn micros(&self) -> i64 {
        self.settled_micros.unwrap()
    }
}

fn parse_ledger_row(row: &[String]) -> LedgerRow {
    let [status, agent, reserved, settled, upper_bound, request_id] = row else {
        panic!("{row:?}");
    };
    LedgerRow {
        status: status.clone(),
        agent: agent.clone(),
        reserved_micros: reserved.parse().unwrap(),
        settled_micros: settled.parse().ok(),
        upper_bound: upper_bound == "1",
        request_id: Some(request_id.clone()).filter(|id| !id.is_empty()),
    }
}

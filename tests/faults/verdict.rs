//! The assertions after every fault: the work ended as it would have without the fault, and the
//! fault left nothing behind.

use std::collections::BTreeMap;

use eklavya_testkit::install::TestInstall;
use eklavya_testkit::install::database::DatabaseAddress;
use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::upstream::RecordedRequest;
use serde_json::Value;

pub trait FaultVerdict {
    /// Asserts that the project of the common script is delivered, and that apart from some cost
    /// nothing shows that there was a fault.
    #[track_caller]
    fn assert_delivered_despite_fault(&self, unsent: UnsentRequests);
}

impl FaultVerdict for TestInstall {
    #[track_caller]
    fn assert_delivered_despite_fault(&self, unsent: UnsentRequests) {
        println!("{}", history_text(self));
        let show = ["project", "show", "shop", "--output", "json"];
        let shown = self.run(&show).ok().json();
        assert_eq!(shown["status"], "delivered");
        insta::assert_snapshot!("final_tree", self.tree());
        let tasks =
            "SELECT key || ' ' || attempt || ' ' || status FROM tasks ORDER BY created_at, key";
        insta::assert_snapshot!("final_tasks", self.query_column(tasks).join("\n"));
        self.assert_history_is_legal();
        self.assert_audit_trail_is_complete();
        assert_events_are_in_order(self);
        self.assert_ledger_matches_bill(unsent);
        assert_conversations_resumed(self);
        self.assert_no_task_was_done_twice();
        self.assert_no_remains();
    }
}

/// Asserts that the places of events have no gap, that none waits for its place, and that they
/// tell of the same things in the same order as the audit trail.
#[track_caller]
fn assert_events_are_in_order(install: &TestInstall) {
    let tail = [
        "events", "tail", "shop", "--since", "0", "--output", "jsonl",
    ];
    install.run(&tail).ok();
    let places = install.query_column("SELECT seq FROM events ORDER BY seq");
    let count = places.len();
    assert_eq!(
        places,
        (1..=count)
            .map(|place| place.to_string())
            .collect::<Vec<_>>()
    );
    if let DatabaseAddress::Server(_) = install.database {
        assert_eq!(
            install.query_column("SELECT name FROM unplaced_events"),
            [""; 0]
        );
    }
    let payloads = |name: &str, field: &str| -> Vec<String> {
        let sql = format!("SELECT payload FROM events WHERE name = '{name}' ORDER BY seq");
        let found = install.query_column(&sql).into_iter();
        let parsed = found.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        parsed
            .map(|event| event["payload"][field].to_string())
            .collect()
    };
    let audited = |action: &str, field: &str| -> Vec<String> {
        let sql = format!("SELECT details FROM audit_logs WHERE action = '{action}' ORDER BY id");
        let found = install.query_column(&sql).into_iter();
        let parsed = found.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        parsed.map(|details| details[field].to_string()).collect()
    };
    let mut status = payloads("project:status", "status");
    // Events about the progress of the build come in between.
    status.dedup();
    assert_eq!(status, audited("project.advance", "to"));
    let spawned = install.query_column("SELECT payload FROM events WHERE name = 'agent:spawned'");
    assert_eq!(spawned.len(), audited("agent.spawn", "role").len());
    let ended = install.query_column("SELECT payload FROM events WHERE name = 'agent:completed'");
    assert_eq!(ended.len(), spawned.len());
}

/// Returns the history, to explain a failure.
fn history_text(install: &TestInstall) -> String {
    let lines = install
        .database
        .rows("SELECT agent_id, action, details FROM audit_logs ORDER BY id");
    let request = install.upstream.requests().into_iter().map(|request| {
        let RecordedRequest {
            task,
            agent,
            attempt,
            step,
            whole,
            request_id,
            ..
        } = request;
        format!("{request_id} {task} {agent} attempt {attempt} step {step} whole {whole}")
    });
    let lines = lines
        .into_iter()
        .map(|line| line.join(" ").chars().take(300).collect());
    lines.chain(request).collect::<Vec<String>>().join("\n")
}

/// Asserts that no agent got the same request twice, and that a resumed conversation continues
/// where it was or, if the CLI had not recorded its last steps yet, a little before.
#[track_caller]
fn assert_conversations_resumed(install: &TestInstall) {
    let mut conversations: BTreeMap<String, Vec<RecordedRequest>> = BTreeMap::new();
    for request in install
        .upstream
        .requests()
        .into_iter()
        .filter(|request| request.task != "raw")
    {
        conversations
            .entry(request.session.clone())
            .or_default()
            .push(request);
    }
    for request in conversations.values() {
        for pair in request.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let details = || format!("{before:#?} {after:#?}");
            if before.attempt != after.attempt {
                continue;
            }
            if before.agent == after.agent {
                let next = before.step + usize::from(before.whole);
                assert_eq!(after.step, next, "{}", details());
            } else {
                assert!(after.step <= before.step + 1, "{}", details());
            }
        }
    }
}

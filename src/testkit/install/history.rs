//! Replays the audit trail: every transition in it must have been allowed at that point, and all
//! together must lead to the states in the database.

use std::collections::BTreeMap;

use eklavya_core::agent::{AgentEvent, AgentState};
use eklavya_core::demo::{DemoEvent, DemoState};
use eklavya_core::ids::AgentId;
use eklavya_core::plan::{PlanEvent, PlanState};
use eklavya_core::project::{ProjectEvent, ProjectState};
use eklavya_core::task::{TaskEvent, TaskState};
use jiff::Timestamp;
use serde_json::Value;

use crate::install::TestInstall;

/// A placeholder for any commit.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The state of an entity during the replay.
#[derive(Debug, Clone)]
enum ReplayedState {
    Project(ProjectState),
    Plan(PlanState),
    Demo(DemoState),
    Task(TaskState),
    Agent(AgentState),
}

/// A line of the audit trail.
struct AuditLine {
    action: String,
    agent: String,
    details: Value,
}

impl TestInstall {
    /// Asserts that every recorded change of state was allowed, and that no state changed without
    /// a record.
    #[track_caller]
    pub fn assert_history_is_legal(&self) {
        let mut states: BTreeMap<String, ReplayedState> = BTreeMap::new();
        let sql = "SELECT action, agent_id, details FROM audit_logs ORDER BY id";
        for row in self.database.rows(sql) {
            let line = AuditLine::of(&row);
            let Some((name, beginning)) = line.subject() else {
                continue;
            };
            let state = states.entry(name.clone()).or_insert(beginning);
            if let Some(entity) = line.action.strip_suffix(".advance") {
                let before = text(&line.details["from"]);
                let matches = before.is_empty() || before == state.status();
                assert!(matches, "{name} is {} before {row:?}", state.status());
                *state = state
                    .apply_line(&line)
                    .unwrap_or_else(|why| panic!("{entity} {name}: {row:?}: {why}"));
                assert_eq!(state.status(), text(&line.details["to"]), "{name}: {row:?}");
            }
        }
        let played = states.iter();
        let played = played.map(|(name, state)| format!("{name} {}", state.status()));
        let played: Vec<String> = played.collect();
        let mut now = self.query_column(
            "SELECT 'project ' || status FROM projects \
             UNION ALL SELECT 'plan ' || number || ' ' || status FROM plans \
             UNION ALL SELECT 'demo ' || number || ' ' || status FROM demos \
             UNION ALL SELECT 'task ' || key || ' ' || status FROM tasks",
        );
        let agents = self.database.rows("SELECT id, status FROM agents");
        now.extend(agents.iter().map(|row| format!("agent {}", row.join(" "))));
        now.sort();
        assert_eq!(played, now);
    }
}

impl AuditLine {
    fn of(row: &[String]) -> Self {
        Self {
            action: row[0].clone(),
            agent: row[1].clone(),
            details: serde_json::from_str(&row[2]).unwrap(),
        }
    }

    /// Returns the name of the entity that the line is about, and the initial state of such an
    /// entity.
    fn subject(&self) -> Option<(String, ReplayedState)> {
        let named = |what: &str, field: &str| format!("{what} {}", text(&self.details[field]));
        Some(match self.action.as_str() {
            "project.create" | "project.advance" => (
                "project".to_owned(),
                ReplayedState::Project(ProjectState::NEW),
            ),
            "plan.draft" | "plan.advance" => (
                named("plan", "number"),
                ReplayedState::Plan(PlanState::Drafting),
            ),
            "demo.advance" => (
                named("demo", "demo"),
                ReplayedState::Demo(DemoState::Building),
            ),
            "task.create" | "task.advance" => (
                named("task", "task"),
                ReplayedState::Task(TaskState::Pending),
            ),
            "agent.spawn" | "agent.advance" => {
                let name = format!("agent {}", self.agent);
                (name, ReplayedState::Agent(AgentState::Starting))
            }
            _ => return None,
        })
    }

    fn agent(&self) -> AgentId {
        let none = "00000000-0000-4000-8000-000000000000";
        let agent = if self.agent.is_empty() {
            none
        } else {
            &self.agent
        };
        AgentId(agent.parse().unwrap())
    }
}

impl ReplayedState {
    fn status(&self) -> &'static str {
        match self {
            ReplayedState::Project(state) => state.status(),
            ReplayedState::Plan(state) => state.status(),
            ReplayedState::Demo(state) => state.status(),
            ReplayedState::Task(state) => state.status(),
            ReplayedState::Agent(state) => state.status(),
        }
    }

    /// Returns the state after the transition of a line, if the state machine allows it.
    fn apply_line(&self, line: &AuditLine) -> Result<Self, String> {
        let (now, event) = (Timestamp::UNIX_EPOCH, text(&line.details["event"]));
        let next = match self {
            ReplayedState::Project(state) => {
                let event = ProjectEvent::ALL
                    .into_iter()
                    .find(|known| known.name() == event);
                state.apply(event.unwrap(), now).map(ReplayedState::Project)
            }
            ReplayedState::Plan(state) => {
                state.apply(&plan_event(line), now).map(ReplayedState::Plan)
            }
            ReplayedState::Demo(state) => state
                .apply(&demo_event(&event), now)
                .map(ReplayedState::Demo),
            ReplayedState::Task(state) => {
                state.apply(&task_event(line), now).map(ReplayedState::Task)
            }
            ReplayedState::Agent(state) => state
                .apply(&agent_event(&event), now)
                .map(ReplayedState::Agent),
        };
        next.map_err(|why| why.to_string())
    }
}

/// Returns the event that leads to the state in a line.
fn plan_event(line: &AuditLine) -> PlanEvent {
    match text(&line.details["to"]).as_str() {
        "proposed" => PlanEvent::Propose,
        "approved" => PlanEvent::Approve,
        other => panic!("no plan of this script becomes {other}"),
    }
}

fn demo_event(name: &str) -> DemoEvent {
    let known = [
        DemoEvent::Built,
        DemoEvent::Answer,
        DemoEvent::Fail {
            reason: String::new(),
        },
        DemoEvent::Retry,
        DemoEvent::Approve,
        DemoEvent::Reject,
        DemoEvent::Supersede,
    ];
    known
        .into_iter()
        .find(|event| event.name() == name)
        .unwrap()
}

fn task_event(line: &AuditLine) -> TaskEvent {
    let (name, agent) = (text(&line.details["event"]), line.agent());
    let commit = || COMMIT.parse().unwrap();
    let known = [
        TaskEvent::Start { agent },
        TaskEvent::Submit { commit: commit() },
        TaskEvent::Accept { commit: commit() },
        TaskEvent::Return,
        TaskEvent::Interrupt,
        TaskEvent::Block {
            question: String::new(),
        },
        TaskEvent::Retry,
        TaskEvent::Cancel,
    ];
    known
        .into_iter()
        .find(|event| event.name() == name)
        .unwrap()
}

fn agent_event(name: &str) -> AgentEvent {
    let known = [
        AgentEvent::Spawn,
        AgentEvent::Complete,
        AgentEvent::Fail {
            reason: String::new(),
        },
        AgentEvent::Interrupt,
        AgentEvent::Kill,
        AgentEvent::Lose,
    ];
    known
        .into_iter()
        .find(|event| event.name() == name)
        .unwrap()
}

/// Returns a text, a number, or the name of a state as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(state) => text(&state["is"]),
        other => other.to_string(),
    }
}

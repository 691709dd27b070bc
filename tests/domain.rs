//! The state machines as tables: a public contract, and the place to see what can follow what.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "domain/machines.rs"]
mod machines;

use std::fmt::{Debug, Write};

use eklavya_core::domain::InvalidTransition;
use eklavya_core::domain::agent::{AgentEvent, AgentState};
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::demo::{DemoEvent, DemoState};
use eklavya_core::domain::ids::AgentId;
use eklavya_core::domain::job::{JobEvent, JobState};
use eklavya_core::domain::plan::{PlanEvent, PlanState};
use eklavya_core::domain::project::{ProjectEvent, ProjectState, Stage};
use eklavya_core::domain::task::{TaskEvent, TaskState};
use jiff::Timestamp;

fn then() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_060).unwrap()
}

fn agent() -> AgentId {
    AgentId("00000000-0000-4000-8000-000000000001".parse().unwrap())
}

fn commit() -> CommitId {
    "0123456789abcdef0123456789abcdef01234567".parse().unwrap()
}

/// Writes one line for each state and event that leads somewhere, and one for all that do not.
fn table<S: Debug, E>(
    states: &[S],
    events: &[E],
    label: impl Fn(&S) -> String,
    name: impl Fn(&E) -> &'static str,
    apply: impl Fn(&S, &E) -> Result<S, InvalidTransition>,
) -> String {
    let mut out = String::new();
    for state in states {
        let mut refused = Vec::new();
        for event in events {
            match apply(state, event) {
                Ok(next) => {
                    writeln!(
                        out,
                        "{} + {} -> {}",
                        label(state),
                        name(event),
                        label(&next)
                    )
                    .unwrap();
                }
                Err(error) => {
                    assert!(error.to_string().contains(name(event)), "{error}");
                    refused.push(name(event));
                }
            }
        }
        writeln!(out, "{} refuses: {}\n", label(state), refused.join(", ")).unwrap();
    }
    out
}

fn project_label(state: &ProjectState) -> String {
    match state {
        ProjectState::Paused { stage, .. } => format!("paused({})", stage.name()),
        ProjectState::Archived { stage, .. } => {
            format!("archived({})", stage.map_or("delivered", Stage::name))
        }
        ProjectState::Active { .. } | ProjectState::Delivered { .. } => state.status().to_owned(),
    }
}

#[test]
fn project_state_table() {
    let mut states: Vec<_> = Stage::ALL
        .into_iter()
        .map(|stage| ProjectState::Active { stage })
        .collect();
    states.push(ProjectState::Paused {
        stage: Stage::Building,
        since: then(),
    });
    states.push(ProjectState::Delivered { at: then() });
    states.push(ProjectState::Archived {
        stage: Some(Stage::DemoReview),
        delivered_at: None,
        since: then(),
    });
    states.push(ProjectState::Archived {
        stage: None,
        delivered_at: Some(then()),
        since: then(),
    });
    insta::assert_snapshot!(table(
        &states,
        &ProjectEvent::ALL,
        project_label,
        |e| e.name(),
        |s, e| s.apply(*e, now()),
    ));
}

#[test]
fn plan_state_table() {
    let states = [
        PlanState::Drafting,
        PlanState::Proposed { at: then() },
        PlanState::Approved { at: then() },
        PlanState::Rejected {
            at: then(),
            feedback: "cheaper".to_owned(),
        },
    ];
    let events = [
        PlanEvent::Propose,
        PlanEvent::Approve,
        PlanEvent::Reject {
            feedback: "f".to_owned(),
        },
    ];
    insta::assert_snapshot!(table(
        &states,
        &events,
        |s| s.status().to_owned(),
        PlanEvent::name,
        |s, e| s.apply(e, now()),
    ));
}

#[test]
fn task_state_table() {
    let (agent, commit) = (agent(), commit());
    let states = [
        TaskState::Pending,
        TaskState::Running {
            agent,
            since: then(),
        },
        TaskState::Submitted {
            agent,
            commit: commit.clone(),
            since: then(),
        },
        TaskState::Done {
            agent,
            commit: commit.clone(),
            at: then(),
        },
        TaskState::Blocked {
            question: "which?".to_owned(),
            since: then(),
        },
        TaskState::Cancelled { at: then() },
    ];
    let events = [
        TaskEvent::Start { agent },
        TaskEvent::Submit {
            commit: commit.clone(),
        },
        TaskEvent::Accept { commit },
        TaskEvent::Return,
        TaskEvent::Interrupt,
        TaskEvent::Block {
            question: "which?".to_owned(),
        },
        TaskEvent::Retry,
        TaskEvent::Cancel,
    ];
    insta::assert_snapshot!(table(
        &states,
        &events,
        |s| s.status().to_owned(),
        TaskEvent::name,
        |s, e| s.apply(e, now()),
    ));
}

#[test]
fn agent_state_table() {
    let states = [
        AgentState::Starting,
        AgentState::Running { since: then() },
        AgentState::Completed { at: then() },
        AgentState::Failed {
            at: then(),
            reason: "why".to_owned(),
        },
        AgentState::Interrupted { at: then() },
        AgentState::Killed { at: then() },
        AgentState::Lost { at: then() },
    ];
    let events = [
        AgentEvent::Spawn,
        AgentEvent::Complete,
        AgentEvent::Fail {
            reason: "why".to_owned(),
        },
        AgentEvent::Interrupt,
        AgentEvent::Kill,
        AgentEvent::Lose,
    ];
    insta::assert_snapshot!(table(
        &states,
        &events,
        |s| s.status().to_owned(),
        AgentEvent::name,
        |s, e| s.apply(e, now()),
    ));
}

#[test]
fn demo_state_table() {
    let states = [
        DemoState::Building,
        DemoState::Starting { since: then() },
        DemoState::Ready { at: then() },
        DemoState::Failed {
            at: then(),
            reason: "why".to_owned(),
        },
        DemoState::Approved { at: then() },
        DemoState::Rejected { at: then() },
        DemoState::Superseded { at: then() },
    ];
    let events = [
        DemoEvent::Built,
        DemoEvent::Answer,
        DemoEvent::Fail {
            reason: "why".to_owned(),
        },
        DemoEvent::Retry,
        DemoEvent::Approve,
        DemoEvent::Reject,
        DemoEvent::Supersede,
    ];
    insta::assert_snapshot!(table(
        &states,
        &events,
        |s| s.status().to_owned(),
        DemoEvent::name,
        |s, e| s.apply(e, now()),
    ));
}

#[test]
fn job_state_table() {
    let worker = || "7-1".to_owned();
    let states = [
        JobState::Queued {
            since: then(),
            reason: None,
        },
        JobState::Running {
            worker: worker(),
            since: then(),
        },
        JobState::Cancelling {
            worker: worker(),
            since: then(),
        },
        JobState::Done { at: then() },
        JobState::Failed {
            at: then(),
            reason: "no model".to_owned(),
            exit_code: 7,
        },
        JobState::NeedsDecision {
            at: then(),
            question: "Again?".to_owned(),
        },
        JobState::Cancelled { at: then() },
    ];
    let events = [
        JobEvent::Claim { worker: worker() },
        JobEvent::Finish,
        JobEvent::Fail {
            reason: "no model".to_owned(),
            exit_code: 7,
        },
        JobEvent::Ask {
            question: "Again?".to_owned(),
        },
        JobEvent::Release {
            reason: "the worker died".to_owned(),
        },
        JobEvent::Cancel,
    ];
    insta::assert_snapshot!(table(
        &states,
        &events,
        |s| s.status().to_owned(),
        JobEvent::name,
        |s, e| s.apply(e, now()),
    ));
}

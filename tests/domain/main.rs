//! The tables of the state machines, which are a public contract.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod machines;

use std::fmt::{Debug, Write};

use eklavya_core::InvalidTransition;
use eklavya_core::agent::{AgentEvent, AgentState};
use eklavya_core::demo::{DemoEvent, DemoState};
use eklavya_core::ids::AgentId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::job::{JobEvent, JobState};
use eklavya_core::plan::{PlanEvent, PlanState};
use eklavya_core::project::{ProjectEvent, ProjectStage, ProjectState};
use eklavya_core::task::{TaskEvent, TaskState};
use jiff::Timestamp;

fn earlier_time() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn later_time() -> Timestamp {
    Timestamp::from_second(1_700_000_060).unwrap()
}

fn agent() -> AgentId {
    AgentId("00000000-0000-4000-8000-000000000001".parse().unwrap())
}

fn commit() -> CommitId {
    "0123456789abcdef0123456789abcdef01234567".parse().unwrap()
}

/// Returns one line for each transition, and one line for each state with the events that it
/// refuses.
fn transition_table<S: Debug, E>(
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
            format!(
                "archived({})",
                stage.map_or("delivered", ProjectStage::name)
            )
        }
        ProjectState::Active { .. } | ProjectState::Delivered { .. } => state.status().to_owned(),
    }
}

#[test]
fn project_state_table() {
    let mut states: Vec<_> = ProjectStage::ALL
        .into_iter()
        .map(|stage| ProjectState::Active { stage })
        .collect();
    states.push(ProjectState::Paused {
        stage: ProjectStage::Building,
        since: earlier_time(),
    });
    states.push(ProjectState::Delivered { at: earlier_time() });
    states.push(ProjectState::Archived {
        stage: Some(ProjectStage::DemoReview),
        delivered_at: None,
        since: earlier_time(),
    });
    states.push(ProjectState::Archived {
        stage: None,
        delivered_at: Some(earlier_time()),
        since: earlier_time(),
    });
    insta::assert_snapshot!(transition_table(
        &states,
        &ProjectEvent::ALL,
        project_label,
        |e| e.name(),
        |s, e| s.apply(*e, later_time()),
    ));
}

#[test]
fn plan_state_table() {
    let states = [
        PlanState::Drafting,
        PlanState::Proposed { at: earlier_time() },
        PlanState::Approved { at: earlier_time() },
        PlanState::Rejected {
            at: earlier_time(),
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
    insta::assert_snapshot!(transition_table(
        &states,
        &events,
        |s| s.status().to_owned(),
        PlanEvent::name,
        |s, e| s.apply(e, later_time()),
    ));
}

#[test]
fn task_state_table() {
    let (agent, commit) = (agent(), commit());
    let states = [
        TaskState::Pending,
        TaskState::Running {
            agent,
            since: earlier_time(),
        },
        TaskState::Submitted {
            agent,
            commit: commit.clone(),
            since: earlier_time(),
        },
        TaskState::Done {
            agent,
            commit: commit.clone(),
            at: earlier_time(),
        },
        TaskState::Blocked {
            question: "which?".to_owned(),
            since: earlier_time(),
        },
        TaskState::Cancelled { at: earlier_time() },
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
    insta::assert_snapshot!(transition_table(
        &states,
        &events,
        |s| s.status().to_owned(),
        TaskEvent::name,
        |s, e| s.apply(e, later_time()),
    ));
}

#[test]
fn agent_state_table() {
    let states = [
        AgentState::Starting,
        AgentState::Running {
            since: earlier_time(),
        },
        AgentState::Completed { at: earlier_time() },
        AgentState::Failed {
            at: earlier_time(),
            reason: "why".to_owned(),
        },
        AgentState::Interrupted { at: earlier_time() },
        AgentState::Killed { at: earlier_time() },
        AgentState::Lost { at: earlier_time() },
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
    insta::assert_snapshot!(transition_table(
        &states,
        &events,
        |s| s.status().to_owned(),
        AgentEvent::name,
        |s, e| s.apply(e, later_time()),
    ));
}

#[test]
fn demo_state_table() {
    let states = [
        DemoState::Building,
        DemoState::Starting {
            since: earlier_time(),
        },
        DemoState::Ready { at: earlier_time() },
        DemoState::Failed {
            at: earlier_time(),
            reason: "why".to_owned(),
        },
        DemoState::Approved { at: earlier_time() },
        DemoState::Rejected { at: earlier_time() },
        DemoState::Superseded { at: earlier_time() },
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
    insta::assert_snapshot!(transition_table(
        &states,
        &events,
        |s| s.status().to_owned(),
        DemoEvent::name,
        |s, e| s.apply(e, later_time()),
    ));
}

#[test]
fn job_state_table() {
    let worker = || "7-1".to_owned();
    let states = [
        JobState::Queued {
            since: earlier_time(),
            reason: None,
        },
        JobState::Running {
            worker: worker(),
            since: earlier_time(),
        },
        JobState::Cancelling {
            worker: worker(),
            since: earlier_time(),
        },
        JobState::Done { at: earlier_time() },
        JobState::Failed {
            at: earlier_time(),
            reason: "no model".to_owned(),
            exit_code: 7,
        },
        JobState::NeedsDecision {
            at: earlier_time(),
            question: "Again?".to_owned(),
        },
        JobState::Cancelled { at: earlier_time() },
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
    insta::assert_snapshot!(transition_table(
        &states,
        &events,
        |s| s.status().to_owned(),
        JobEvent::name,
        |s, e| s.apply(e, later_time()),
    ));
}

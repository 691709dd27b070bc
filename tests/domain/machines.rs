//! The state machines under random events: each makes only the transitions of its table.

use std::collections::BTreeSet;
use std::fmt::Debug;

use eklavya_core::InvalidTransition;
use eklavya_core::agent::{AgentEvent, AgentState};
use eklavya_core::demo::{DemoEvent, DemoState};
use eklavya_core::plan::{PlanEvent, PlanState};
use eklavya_core::project::{ProjectEvent, ProjectStage, ProjectState};
use eklavya_core::task::{TaskEvent, TaskState};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{agent, commit, earlier_time};

/// Returns random numbers; each, modulo the number of events, selects the next event.
fn event_picks() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 1..60)
}

/// The transitions and the terminal states of a snapshot.
struct TransitionTable {
    moves: BTreeSet<String>,
    terminal: BTreeSet<String>,
}

impl TransitionTable {
    fn parse_snapshot(snapshot: &str) -> Self {
        let moves: BTreeSet<String> = snapshot
            .lines()
            .filter(|line| line.contains(" -> "))
            .map(str::to_owned)
            .collect();
        let named = |line: &str| {
            line.split_once(" refuses: ")
                .map(|(state, _)| state.to_owned())
        };
        let states = snapshot.lines().filter_map(named);
        let leaves = |state: &String| {
            let start = format!("{state} + ");
            moves.iter().any(|line| line.starts_with(&start))
        };
        let terminal = states.filter(|state| !leaves(state)).collect();
        Self { moves, terminal }
    }
}

/// A state machine with its table, its events, and functions to label, name and apply them.
struct StateMachineCase<'a, S, E> {
    table: TransitionTable,
    events: &'a [E],
    label: fn(&S) -> String,
    status: fn(&S) -> &'static str,
    name: fn(&E) -> &'static str,
    apply: fn(&S, &E, Timestamp) -> Result<S, InvalidTransition>,
}

impl<S: Debug + Clone + PartialEq, E> StateMachineCase<'_, S, E> {
    fn walk(&self, start: S, picks: &[usize]) -> Result<(), TestCaseError> {
        let mut state = start;
        for (second, pick) in picks.iter().enumerate() {
            let now = earlier_time() + std::time::Duration::from_secs(second as u64);
            let event = &self.events[pick % self.events.len()];
            let (from, by) = ((self.label)(&state), (self.name)(event));
            let start = format!("{from} + {by} -> ");
            match (self.apply)(&state, event, now) {
                Ok(next) => {
                    let to = (self.label)(&next);
                    let line = format!("{start}{to}");
                    prop_assert!(self.table.moves.contains(&line), "{line}");
                    prop_assert!(!self.table.terminal.contains(&from), "{from} is terminal");
                    prop_assert!(to.starts_with((self.status)(&next)), "{to}: {next:?}");
                    state = next;
                }
                Err(refused) => {
                    let known = self
                        .table
                        .moves
                        .iter()
                        .find(|line| line.starts_with(&start));
                    prop_assert_eq!(known, None, "{}", refused);
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn tasks_make_only_the_transitions_of_their_table(picks in event_picks()) {
        let machine = StateMachineCase {
            table: TransitionTable::parse_snapshot(include_str!("snapshots/domain__task_state_table.snap")),
            events: &[
                TaskEvent::Start { agent: agent() },
                TaskEvent::Submit { commit: commit() },
                TaskEvent::Accept { commit: commit() },
                TaskEvent::Return,
                TaskEvent::Interrupt,
                TaskEvent::Block { question: "which?".to_owned() },
                TaskEvent::Retry,
                TaskEvent::Cancel,
            ],
            label: |state: &TaskState| state.status().to_owned(),
            status: TaskState::status,
            name: TaskEvent::name,
            apply: TaskState::apply,
        };
        machine.walk(TaskState::Pending, &picks)?;
    }

    #[test]
    fn agents_make_only_the_transitions_of_their_table(picks in event_picks()) {
        let machine = StateMachineCase {
            table: TransitionTable::parse_snapshot(include_str!("snapshots/domain__agent_state_table.snap")),
            events: &[
                AgentEvent::Spawn,
                AgentEvent::Complete,
                AgentEvent::Fail { reason: "why".to_owned() },
                AgentEvent::Interrupt,
                AgentEvent::Kill,
                AgentEvent::Lose,
            ],
            label: |state: &AgentState| state.status().to_owned(),
            status: AgentState::status,
            name: AgentEvent::name,
            apply: AgentState::apply,
        };
        machine.walk(AgentState::Starting, &picks)?;
    }

    #[test]
    fn demos_make_only_the_transitions_of_their_table(picks in event_picks()) {
        let machine = StateMachineCase {
            table: TransitionTable::parse_snapshot(include_str!("snapshots/domain__demo_state_table.snap")),
            events: &[
                DemoEvent::Built,
                DemoEvent::Answer,
                DemoEvent::Fail { reason: "why".to_owned() },
                DemoEvent::Retry,
                DemoEvent::Approve,
                DemoEvent::Reject,
                DemoEvent::Supersede,
            ],
            label: |state: &DemoState| state.status().to_owned(),
            status: DemoState::status,
            name: DemoEvent::name,
            apply: DemoState::apply,
        };
        machine.walk(DemoState::Building, &picks)?;
    }

    #[test]
    fn plans_make_only_the_transitions_of_their_table(picks in event_picks()) {
        let machine = StateMachineCase {
            table: TransitionTable::parse_snapshot(include_str!("snapshots/domain__plan_state_table.snap")),
            events: &[
                PlanEvent::Propose,
                PlanEvent::Approve,
                PlanEvent::Reject { feedback: "f".to_owned() },
            ],
            label: |state: &PlanState| state.status().to_owned(),
            status: PlanState::status,
            name: PlanEvent::name,
            apply: PlanState::apply,
        };
        machine.walk(PlanState::Drafting, &picks)?;
    }

    #[test]
    fn projects_make_only_the_transitions_of_their_table(picks in event_picks(), stage in 0..ProjectStage::ALL.len()) {
        let stage = ProjectStage::ALL[stage];
        // The table has one paused and one archived project, which stand for every stage.
        let text = include_str!("snapshots/domain__project_state_table.snap");
        let mut table = TransitionTable::parse_snapshot(text);
        for line in table.moves.clone() {
            for (example, word) in [("paused(building)", "building"), ("archived(demoReview)", "demoReview")] {
                if line.starts_with(example) {
                    let names = ProjectStage::ALL.map(ProjectStage::name);
                    table.moves.extend(names.map(|name| line.replace(word, name)));
                }
            }
        }
        let machine = StateMachineCase {
            table,
            events: &ProjectEvent::ALL,
            label: super::project_label,
            status: ProjectState::status,
            name: |event| event.name(),
            apply: |state, event, now| state.apply(*event, now),
        };
        machine.walk(ProjectState::Active { stage }, &picks)?;
    }
}

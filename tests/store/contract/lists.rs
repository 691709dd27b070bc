//! Lists of all projects: each takes one statement and returns the same as separate reads.

use std::collections::BTreeMap;

use eklavya_core::agent::{Agent, AgentState};
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::ledger::{Budget, BudgetScope};
use eklavya_core::money::MicroUsd;
use eklavya_core::project::Project;
use eklavya_core::task::{Task, TaskState};
use eklavya_store::budgets::NamedBudget;
use eklavya_store::project_status::ProjectStatus;
use eklavya_store::{SqlTransaction, Store, agents, budgets, project_status, projects, tasks};

use super::on_each;
use crate::fixtures::project_records::{self, ProjectRecords, timestamp_at};

#[tokio::test]
async fn lists_match_separate_reads_on_each_database() {
    on_each![
        statuses_count_tasks_and_agents,
        agents_are_listed_with_names,
        budgets_are_listed_with_names,
    ];
}

/// Returns every state of an agent, with `Starting` first.
fn agent_states() -> [AgentState; 7] {
    let (at, reason) = (timestamp_at(1), String::new());
    [
        AgentState::Starting,
        AgentState::Running { since: at },
        AgentState::Completed { at },
        AgentState::Failed { at, reason },
        AgentState::Interrupted { at },
        AgentState::Killed { at },
        AgentState::Lost { at },
    ]
}

async fn write_agents(tx: &mut SqlTransaction, task: &Task) -> Vec<Agent> {
    let mut written = Vec::new();
    for (index, state) in agent_states().into_iter().enumerate() {
        let mut agent = project_records::agent(task);
        agent.id = AgentId::random();
        agent.state = state;
        agent.created_at = timestamp_at(10 + i64::try_from(index).unwrap());
        agents::insert(tx, &agent).await.unwrap();
        written.push(agent);
    }
    written
}

fn idle_status(project: &Project) -> ProjectStatus {
    ProjectStatus {
        project: project.id,
        slug: project.slug.clone(),
        state: project.state.clone(),
        progress: project.progress,
        sandboxed: project.sandboxed,
        is_rehearsed: project.rehearsal.is_some(),
        tasks: 0,
        tasks_done: 0,
        tasks_blocked: 0,
        live_agents: 0,
        waiting: None,
    }
}

async fn statuses_count_tasks_and_agents(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    assert_eq!(project_status::all(&mut tx).await.unwrap(), []);
    let mut empty = project_records::project(2, "empty");
    empty.rehearsal = Some("shop.yaml".to_owned());
    empty.sandboxed = false;
    projects::insert(&mut tx, &empty).await.unwrap();
    let busy = ProjectRecords::insert(&mut tx, 1).await;
    let blocked = TaskState::Blocked {
        question: "Why?".to_owned(),
        since: timestamp_at(1),
    };
    let done = TaskState::Done {
        agent: busy.agent.id,
        commit: project_records::commit('a'),
        at: timestamp_at(1),
    };
    for (key, state) in [("T2", done.clone()), ("T3", done), ("T4", blocked)] {
        let mut task = project_records::task(&busy.project, key);
        task.state = state;
        tasks::insert(&mut tx, &task).await.unwrap();
    }
    write_agents(&mut tx, &busy.task).await;
    let busy = ProjectStatus {
        tasks: 4,
        tasks_done: 2,
        tasks_blocked: 1,
        live_agents: 3,
        ..idle_status(&busy.project)
    };
    let unknown = ProjectId::random();
    let found = project_status::of_project(&mut tx, unknown).await.unwrap();
    assert_eq!(found, None);
    let found = project_status::of_project(&mut tx, busy.project)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&busy));
    let empty = idle_status(&empty);
    let found = project_status::of_project(&mut tx, empty.project)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&empty));
    assert_eq!(project_status::all(&mut tx).await.unwrap(), [busy, empty]);
}

async fn agents_are_listed_with_names(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    // The newer project is inserted first.
    let (second, first) = (
        ProjectRecords::insert(&mut tx, 2).await,
        ProjectRecords::insert(&mut tx, 1).await,
    );
    let mut own = vec![first.agent.clone()];
    own.extend(write_agents(&mut tx, &first.task).await);
    let (id, slug) = (first.project.id, &first.project.slug);
    let found = agents::named_of_project(&mut tx, id, false).await.unwrap();
    for named in &found {
        assert_eq!(
            (&named.project_slug, &named.task_key),
            (slug, &first.task.key)
        );
    }
    let listed = |found: Vec<agents::NamedAgent>| found.into_iter().map(|named| named.agent);
    assert_eq!(listed(found).collect::<Vec<_>>(), own);
    let live = own.iter().filter(|agent| agent.state.is_live());
    let live: Vec<Agent> = live.cloned().collect();
    let found = agents::named_of_project(&mut tx, id, true).await.unwrap();
    assert_eq!(listed(found).collect::<Vec<_>>(), live);
    let found = agents::all_named(&mut tx, true).await.unwrap();
    let with = |agents: Vec<Agent>| [agents, vec![second.agent.clone()]].concat();
    assert_eq!(listed(found).collect::<Vec<_>>(), with(live));
    let found = agents::all_named(&mut tx, false).await.unwrap();
    assert_eq!(listed(found).collect::<Vec<_>>(), with(own));
}

async fn budgets_are_listed_with_names(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let (second, first) = (
        ProjectRecords::insert(&mut tx, 2).await,
        ProjectRecords::insert(&mut tx, 1).await,
    );
    let all = [&first.project, &second.project];
    let slugs = all.map(|project| (project.id, project.slug.clone()));
    let found = projects::slugs(&mut tx).await.unwrap();
    assert_eq!(found, BTreeMap::from(slugs));
    let limit = Some(MicroUsd(7));
    let (project, task) = (
        BudgetScope::Project(second.project.id),
        BudgetScope::Task(first.task.id),
    );
    for scope in [project, task] {
        budgets::set_limit(&mut tx, scope, limit).await.unwrap();
        let held = budgets::reserve(&mut tx, scope, MicroUsd(3), None).await;
        assert!(held.unwrap());
        let spent = budgets::settle(&mut tx, scope, MicroUsd(1), MicroUsd(2)).await;
        spent.unwrap();
    }
    let budget = Budget {
        limit,
        reserved: MicroUsd(2),
        spent: MicroUsd(2),
    };
    let named = |scope, name: &str, budget| NamedBudget {
        scope,
        name: name.to_owned(),
        budget,
    };
    let bare = BudgetScope::Project(first.project.id);
    let expected = [
        named(bare, &first.project.slug, Budget::default()),
        named(project, &second.project.slug, budget),
    ];
    assert_eq!(budgets::of_projects(&mut tx).await.unwrap(), expected);
    let found = budgets::of_tasks(&mut tx, first.project.id).await.unwrap();
    assert_eq!(found, [named(task, "T1", budget)]);
}

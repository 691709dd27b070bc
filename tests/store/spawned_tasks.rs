//! Tasks that an agent spawns.

use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::AgentId;
use eklavya_core::task::TaskEvent;
use eklavya_services::spawned_tasks::*;
use eklavya_services::tasks::{TaskUpdate, advance, reload};
use eklavya_store::tasks;
use eklavya_testkit::ledger::LedgerFixture;

fn spawn_request(title: &str) -> SpawnRequest {
    SpawnRequest {
        role: Role::Developer,
        title: title.to_owned(),
        description: "Write it.".to_owned(),
        criteria: Vec::new(),
    }
}

async fn start_task(fixture: &LedgerFixture) -> AgentId {
    let (data, agent) = (fixture.costs.data(), fixture.add_agent().await);
    let start = TaskEvent::Start { agent };
    let by = AuditActor::System;
    advance(data, &by, &fixture.task, start, TaskUpdate::default())
        .await
        .unwrap();
    agent
}

async fn spawn_key(fixture: &LedgerFixture, agent: AgentId, title: &str) -> String {
    let (data, by) = (fixture.costs.data(), (agent, &fixture.task));
    match spawn(data, &fixture.project, by, spawn_request(title))
        .await
        .unwrap()
    {
        SpawnOutcome::Task(task) => task.key,
        SpawnOutcome::TooMany => "too many".to_owned(),
        SpawnOutcome::TaskNotRunning => "not at work".to_owned(),
    }
}

#[tokio::test]
async fn each_spawn_request_is_one_task_even_if_it_is_repeated() {
    let fixture = LedgerFixture::open(None).await;
    let agent = start_task(&fixture).await;
    // A model may ask for several at once.
    let [one, two] = ["one", "two"].map(|title| spawn_key(&fixture, agent, title));
    let (one, two) = tokio::join!(one, two);
    let mut keys = [one.clone(), two];
    keys.sort();
    assert_eq!(keys, ["T1.1", "T1.2"]);
    assert_eq!(spawn_key(&fixture, agent, "one").await, one);
    for number in 3..=MAX_SPAWNED {
        let key = spawn_key(&fixture, agent, &number.to_string()).await;
        assert_eq!(key, format!("T1.{number}"));
    }
    assert_eq!(spawn_key(&fixture, agent, "one more").await, "too many");
}

#[tokio::test]
async fn an_agent_spawns_tasks_only_for_its_running_task() {
    let fixture = LedgerFixture::open(None).await;
    let agent = fixture.add_agent().await;
    assert_eq!(spawn_key(&fixture, agent, "one").await, "not at work");
    start_task(&fixture).await;
    assert_eq!(spawn_key(&fixture, agent, "one").await, "not at work");
    let task = reload(fixture.costs.data(), fixture.task.id).await.unwrap();
    let mut tx = fixture.costs.data().begin_read().await.unwrap();
    let all = tasks::of_project(&mut tx, task.project).await.unwrap();
    assert_eq!(children_of(&all, "T1").count(), 0);
}

//! Tasks that an agent hands out.

use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::AgentId;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::TaskEvent;
use eklavya_services::spawned::*;
use eklavya_services::tasks::{TaskNote, advance, reload};
use eklavya_store::tasks;
use eklavya_testkit::ledger::Books;

fn errand(title: &str) -> Errand {
    Errand {
        role: Role::Developer,
        title: title.to_owned(),
        description: "Write it.".to_owned(),
        criteria: Vec::new(),
    }
}

async fn at_work(books: &Books) -> AgentId {
    let (desk, agent) = (books.costs.desk(), books.agent().await);
    let start = TaskEvent::Start { agent };
    let by = Actor::System;
    advance(desk, &by, &books.task, start, TaskNote::default())
        .await
        .unwrap();
    agent
}

async fn told(books: &Books, agent: AgentId, title: &str) -> String {
    let (desk, by) = (books.costs.desk(), (agent, &books.task));
    match spawn(desk, &books.project, by, errand(title))
        .await
        .unwrap()
    {
        Spawned::Task(task) => task.key,
        Spawned::TooMany => "too many".to_owned(),
        Spawned::NotAtWork => "not at work".to_owned(),
    }
}

#[tokio::test]
async fn each_errand_is_one_task_however_often_it_is_asked_for() {
    let books = Books::open(None).await;
    let agent = at_work(&books).await;
    // A model may ask for several at once.
    let [one, two] = ["one", "two"].map(|title| told(&books, agent, title));
    let (one, two) = tokio::join!(one, two);
    let mut keys = [one.clone(), two];
    keys.sort();
    assert_eq!(keys, ["T1.1", "T1.2"]);
    assert_eq!(told(&books, agent, "one").await, one);
    for number in 3..=MAX_SPAWNED {
        let key = told(&books, agent, &number.to_string()).await;
        assert_eq!(key, format!("T1.{number}"));
    }
    assert_eq!(told(&books, agent, "one more").await, "too many");
}

#[tokio::test]
async fn nobody_hands_out_what_is_not_its_own() {
    let books = Books::open(None).await;
    let agent = books.agent().await;
    assert_eq!(told(&books, agent, "one").await, "not at work");
    at_work(&books).await;
    assert_eq!(told(&books, agent, "one").await, "not at work");
    let task = reload(books.costs.desk(), books.task.id).await.unwrap();
    let mut tx = books.costs.desk().read().await.unwrap();
    let all = tasks::of_project(&mut tx, task.project).await.unwrap();
    assert_eq!(of(&all, "T1").count(), 0);
}

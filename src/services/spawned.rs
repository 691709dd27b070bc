//! Tasks that agents hand out while they work on their own: who leads may have others do what could
//! not be planned.
//!
//! The key of such a task is that of the one it came from with a number behind a dot, `T2.1`; no plan
//! can name a task like that. What waits for `T2` waits for all that came from it.

use serde_json::json;

use super::tasks::{NewTask, ensure_in};
use super::{Desk, ServiceError};
use crate::domain::audit::Actor;
use crate::domain::ids::AgentId;
use crate::domain::project::Project;
use crate::domain::role::Role;
use crate::domain::task::{Task, TaskKind, TaskState};
use crate::store::{Lock, tasks};

/// The most tasks that come from one.
pub const MAX_SPAWNED: usize = 12;

/// What another agent is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Who does it.
    pub role: Role,
    /// A line about it.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The criteria that it serves.
    pub criteria: Vec<String>,
}

/// What came of handing out an errand.
#[derive(Debug, Clone, PartialEq)]
pub enum Spawned {
    /// It is this task, made now or, where the same was asked for before, then.
    Task(Box<Task>),
    /// There are [`MAX_SPAWNED`] already.
    TooMany,
    /// The task is not being worked on by this agent any more.
    NotAtWork,
}

/// Hands out an errand for `agent`, who is at work on the task `parent`.
pub async fn spawn(
    desk: &Desk,
    project: &Project,
    (agent, parent): (AgentId, &Task),
    errand: Errand,
) -> Result<Spawned, ServiceError> {
    let mut change = desk.change(&Actor::Agent(agent)).await?;
    change.tx.lock(Lock::Spawn).await?;
    let all = tasks::of_project(&mut change.tx, project.id).await?;
    let at_work = |task: &&Task| task.id == parent.id && is_run_by(task, agent);
    if !all.iter().any(|task| at_work(&task)) {
        return Ok(Spawned::NotAtWork);
    }
    let before: Vec<&Task> = of(&all, &parent.key).collect();
    // A conversation that is gone on with may make its last call once more.
    if let Some(same) = before.iter().find(|task| is_same(task, &errand)) {
        return Ok(Spawned::Task(Box::new((*same).clone())));
    }
    if before.len() >= MAX_SPAWNED {
        return Ok(Spawned::TooMany);
    }
    let key = format!("{}.{}", parent.key, before.len() + 1);
    let details = json!({ "task": parent.key, "spawned": key, "role": errand.role });
    let new = NewTask {
        description: errand.description,
        criteria: errand.criteria,
        priority: parent.priority,
        ..NewTask::new(key, TaskKind::Build, errand.role, errand.title)
    };
    let task = ensure_in(&mut change, project, new).await?;
    change.audit((Some(project.id), Some(agent)), "task.spawn", details);
    change.commit().await?;
    Ok(Spawned::Task(Box::new(task)))
}

/// Returns those of `all` tasks that came from the one called `key`.
pub fn of<'a>(all: &'a [Task], key: &str) -> impl Iterator<Item = &'a Task> {
    all.iter().filter(move |task| {
        let rest = task.key.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

fn is_run_by(task: &Task, by: AgentId) -> bool {
    match task.state {
        TaskState::Running { agent, .. } => agent == by,
        TaskState::Pending
        | TaskState::Submitted { .. }
        | TaskState::Done { .. }
        | TaskState::Blocked { .. }
        | TaskState::Cancelled { .. } => false,
    }
}

fn is_same(task: &Task, errand: &Errand) -> bool {
    (task.role, &task.title, &task.description) == (errand.role, &errand.title, &errand.description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::TaskEvent;
    use crate::services::costs::testing::Books;
    use crate::services::tasks::{TaskNote, advance, reload};

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
}

//! The number of SQL statements of list commands: it does not depend on the number of rows.

use std::sync::Arc;

use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::job::JobGoal;
use eklavya_core::task::TaskKind;
use eklavya_services::tasks::NewTask;
use eklavya_services::{DataStore, agents, jobs, projects, tasks};
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::agents::starting_agent;
use eklavya_testkit::cli::TestEnv;

/// Every command that lists rows of the database.
const LISTS: &[&[&str]] = &[
    &["project", "list"],
    &["project", "list", "--all"],
    &["status"],
    &["status", "shop-1"],
    &["agents", "ps"],
    &["agents", "ps", "--all"],
    &["agents", "ps", "shop-1"],
    &["tasks", "list", "shop-1"],
    &["jobs", "list"],
    &["jobs", "list", "--all"],
    &["jobs", "list", "shop-1"],
    &["worker", "list"],
    &["demo", "list", "shop-1"],
    &["secret", "list", "shop-1"],
    &["budget", "show"],
    &["budget", "show", "shop-1"],
    &["budget", "report", "shop-1"],
    &["audit", "log"],
    &["audit", "log", "shop-1"],
    &["events", "tail"],
    &["events", "tail", "shop-1"],
];

/// Creates the projects `shop-1`, `shop-2`, … with tasks, agents and a job each.
async fn fill(env: &TestEnv, count: usize) {
    let file = env.home().join("eklavya.db").into_std_path_buf();
    let store = Store::open(&DatabaseLocation::File(file)).await.unwrap();
    let data = DataStore::new(store, Arc::new(SystemClock));
    for number in 1..=count {
        env.create_project(&format!("shop {number}"));
        let slug = format!("shop-{number}");
        let project = projects::find(&data, &slug).await.unwrap();
        let new = |key: &String| NewTask::new(key, TaskKind::Build, Role::Developer, "A page");
        // Each project has `count` tasks and agents, because their number must not matter either.
        let keys: Vec<String> = (1..=count).map(|task| format!("T{task}")).collect();
        let created = tasks::ensure(&data, &project, keys.iter().map(new).collect());
        for task in created.await.unwrap() {
            let mut change = data.begin(&AuditActor::System).await.unwrap();
            let agent = starting_agent(&task, change.now);
            agents::spawn_in(&mut change, &agent, None).await.unwrap();
            change.commit().await.unwrap();
        }
        let requested = jobs::enqueue(&data, &AuditActor::System, &project, JobGoal::Plan).await;
        requested.unwrap();
    }
    data.store.close().await;
}

/// Returns the statements that a command logs, without those that configure the connection.
fn statements(env: &TestEnv, command: &[&str]) -> Vec<String> {
    let log = env.run(&[command, &["-vvv"]].concat()).ok().stderr;
    let logged = log.lines().filter(|line| line.contains(" sqlx::query: "));
    let own = logged.filter(|line| !line.contains("PRAGMA"));
    own.map(|line| line.chars().take(160).collect()).collect()
}

#[tokio::test]
async fn lists_take_as_many_statements_for_one_project_as_for_several() {
    let (one, several) = (TestEnv::new(), TestEnv::new());
    fill(&one, 1).await;
    fill(&several, 4).await;
    for command in LISTS {
        let (few, many) = (statements(&one, command), statements(&several, command));
        assert!(!few.is_empty(), "{command:?} logs no statement");
        let differ = few.len() != many.len();
        assert!(!differ, "{command:?}: {few:#?} but {many:#?}");
        assert!(few.len() <= 12, "{command:?}: {few:#?}");
    }
}

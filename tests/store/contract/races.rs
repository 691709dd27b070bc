//! Several writers at the same time.

use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::ids::ProjectId;
use eklavya_core::ledger::BudgetScope as Scope;
use eklavya_core::money::MicroUsd;
use eklavya_services::projects::{NewProject, create};
use eklavya_services::{DataStore, ServiceError};
use eklavya_store::{AdvisoryLock, Store, budgets, projects, tasks};
use tokio::task::JoinSet;

use super::on_each;
use crate::fixtures::project_records;

const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_are_safe_on_each_database() {
    on_each![
        a_budget_is_never_exceeded,
        one_of_many_swaps_wins,
        no_two_projects_get_the_same_number,
        one_of_many_projects_gets_a_slug,
        a_lock_excludes_others,
    ];
}

/// Runs `work` in as many tasks as there are writers and returns what they returned.
async fn run_concurrently<T, F>(store: &Store, work: impl Fn(Store, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        writers.spawn(work(store.clone(), number));
    }
    writers.join_all().await
}

async fn a_budget_is_never_exceeded(store: &Store) {
    const LIMIT: MicroUsd = MicroUsd(103);
    let scope = Scope::Project(ProjectId::random());
    let mut tx = store.begin_write().await.unwrap();
    budgets::set_limit(&mut tx, scope, Some(LIMIT))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let held: Vec<i64> = run_concurrently(store, |store, number| async move {
        let mut held = 0;
        for round in 0..20 {
            let amount = i64::try_from(number + round).unwrap() % 7 + 1;
            let mut tx = store.begin_write().await.unwrap();
            let granted = budgets::reserve(&mut tx, scope, MicroUsd(amount), None).await;
            if granted.unwrap() {
                tx.commit().await.unwrap();
                held += amount;
            }
        }
        held
    })
    .await;
    let mut tx = store.begin_read().await.unwrap();
    let found = budgets::find(&mut tx, scope).await.unwrap();
    assert_eq!(found.reserved.0, held.iter().sum::<i64>());
    // More than a hundred requests of at least 1 were made, so the whole limit is reserved.
    assert_eq!(found.reserved, LIMIT);
}

async fn one_of_many_swaps_wins(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1_000, "swapped");
    projects::insert(&mut tx, &project).await.unwrap();
    let task = project_records::task(&project, "T1");
    tasks::insert(&mut tx, &task).await.unwrap();
    tx.commit().await.unwrap();
    let id = task.id;
    let won = run_concurrently(store, move |store, number| {
        let mut task = task.clone();
        task.feedback = Some(number.to_string());
        async move {
            let mut tx = store.begin_write().await.unwrap();
            let won = tasks::update(&mut tx, &task).await.unwrap();
            tx.commit().await.unwrap();
            won.then_some(task)
        }
    })
    .await;
    let winners: Vec<_> = won.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let mut tx = store.begin_read().await.unwrap();
    let found = tasks::by_id(&mut tx, id).await.unwrap().unwrap();
    assert_eq!(found.feedback, winners[0].feedback);
    assert_eq!(found.version, winners[0].version + 1);
}

fn new_project(name: String) -> NewProject {
    NewProject {
        slug: Some(name.clone()),
        name,
        client: "Ada".to_owned(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    }
}

async fn no_two_projects_get_the_same_number(store: &Store) {
    let numbers = run_concurrently(store, |store, number| async move {
        let data = DataStore::new(store, Arc::new(SystemClock));
        let mut numbers = Vec::new();
        for round in 0..4 {
            let new = new_project(format!("shop-{number}-{round}"));
            let project = create(&data, &AuditActor::System, new).await.unwrap();
            numbers.push(project.number);
        }
        numbers
    })
    .await;
    let mut numbers = numbers.concat();
    numbers.sort_unstable();
    let first = numbers[0];
    let expected: Vec<u32> = (first..).take(WRITERS * 4).collect();
    assert_eq!(numbers, expected);
}

async fn one_of_many_projects_gets_a_slug(store: &Store) {
    let made = run_concurrently(store, |store, _| async move {
        let data = DataStore::new(store, Arc::new(SystemClock));
        create(&data, &AuditActor::System, new_project("wanted".to_owned())).await
    })
    .await;
    let refused = |made: &Result<_, _>| matches!(made, Err(ServiceError::SlugInUse(_)));
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert_eq!(
        made.iter().filter(|made| refused(made)).count(),
        WRITERS - 1
    );
}

/// Each writer adds 1 to the value that it read: without the lock, some would read the same value.
async fn a_lock_excludes_others(store: &Store) {
    let scope = Scope::Project(ProjectId::random());
    let mut tx = store.begin_write().await.unwrap();
    budgets::set_limit(&mut tx, scope, Some(MicroUsd(0)))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    run_concurrently(store, move |store, _| async move {
        for _ in 0..3 {
            let mut tx = store.begin_write().await.unwrap();
            tx.lock(AdvisoryLock::NewProject).await.unwrap();
            let found = budgets::find(&mut tx, scope).await.unwrap().limit.unwrap();
            tokio::task::yield_now().await;
            let limit = Some(MicroUsd(found.0 + 1));
            budgets::set_limit(&mut tx, scope, limit).await.unwrap();
            tx.commit().await.unwrap();
        }
    })
    .await;
    let mut tx = store.begin_read().await.unwrap();
    let found = budgets::find(&mut tx, scope).await.unwrap().limit.unwrap();
    assert_eq!(found.0, i64::try_from(WRITERS * 3).unwrap());
}

//! A lease has one holder, and is taken over only from the dead.

use std::sync::Arc;

use std::time::Duration;

use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::lease::Tenure;
use eklavya_core::domain::lease_watch::Watch;
use eklavya_core::domain::ledger::BudgetScope;
use eklavya_core::process::Host;
use eklavya_services::Desk;
use eklavya_services::leases::*;
use eklavya_testkit::ledger::Books;

const TERM: Duration = Duration::from_secs(30);

/// A worker on another host, or in another process on this one that lives as long as this does.
fn worker(name: &str, host: &str) -> Worker {
    let this = Worker::this();
    Worker {
        name: name.to_owned(),
        host: Host {
            machine: "m".into(),
            digest: host.to_owned(),
        },
        ..this
    }
}

async fn take(books: &Books, worker: &Worker) -> Attempt {
    let mut watch = Watch::default();
    let desk = books.costs.desk();
    attempt(
        desk,
        &books.project,
        worker,
        TERM,
        &mut watch,
        Duration::ZERO,
    )
    .await
    .unwrap()
}

#[track_caller]
fn taken(attempt: Attempt) -> Tenure {
    match attempt {
        Attempt::Taken(taken) => taken.tenure,
        Attempt::Held { holder, .. } => panic!("held by {holder}"),
    }
}

#[tokio::test]
async fn the_fence_rises_with_every_tenure_and_a_lease_given_back_is_free() {
    let books = Books::open(None).await;
    let desk = books.costs.desk();
    let (one, two) = (worker("one", "h"), worker("two", "h"));
    let first = taken(take(&books, &one).await);
    assert_eq!(first.fence, 1);
    assert!(matches!(
        take(&books, &two).await,
        Attempt::Held { soon: false, .. }
    ));
    release(desk, &first).await.unwrap();
    let second = taken(take(&books, &two).await);
    assert_eq!(second.fence, 2);
    // The worker's own earlier tenure is over when it begins another.
    assert_eq!(taken(take(&books, &two).await).fence, 3);
    assert!(
        renew(desk, &second, TERM)
            .await
            .unwrap_err()
            .is_lease_lost()
    );
    assert!(release(desk, &first).await.unwrap_err().is_lease_lost());
}

#[tokio::test]
async fn a_dead_process_of_this_host_is_replaced_at_once_and_one_elsewhere_is_watched() {
    let books = Books::open(None).await;
    let mut dead = worker("dead", "h");
    dead.start += 1;
    taken(take(&books, &dead).await);
    assert!(matches!(
        take(&books, &worker("two", "elsewhere")).await,
        Attempt::Held { .. }
    ));
    assert_eq!(taken(take(&books, &worker("three", "h")).await).fence, 2);
}

#[tokio::test]
async fn one_that_is_silent_past_its_term_is_replaced_and_one_that_renews_is_not() {
    let books = Books::open(None).await;
    let desk = books.costs.desk();
    let first = taken(take(&books, &worker("one", "h")).await);
    let two = worker("two", "h");
    let mut watch = Watch::default();
    let mut look = async |seconds: u64| {
        let at = Duration::from_secs(seconds);
        attempt(desk, &books.project, &two, TERM, &mut watch, at)
            .await
            .unwrap()
    };
    let late = desk.now() + TERM;
    books.clock.set(late);
    assert!(matches!(look(0).await, Attempt::Held { soon: true, .. }));
    renew(desk, &first, TERM).await.unwrap();
    assert!(matches!(look(6).await, Attempt::Held { soon: false, .. }));
    books.clock.set(late + TERM);
    assert!(matches!(look(7).await, Attempt::Held { soon: true, .. }));
    let second = taken(look(12).await);
    assert_eq!(second.fence, 2);
    let lost = renew(desk, &first, TERM).await.unwrap_err();
    let expected = format!(
        "the lease on shop was lost: another worker (pid {} on m, since {}) has it now; nothing \
         more is written",
        two.pid,
        late + TERM
    );
    assert_eq!(lost.to_string(), expected);
}

#[tokio::test]
async fn a_fenced_desk_writes_nothing_once_its_tenure_is_over() {
    let books = Books::open(None).await;
    let first = taken(take(&books, &worker("one", "h")).await);
    let (open, fenced) = (books.costs.desk(), books.costs.desk().fenced(first));
    let write = async |desk: &Desk, micros: i64| {
        let mut change = desk.change(&Actor::System).await?;
        let (scope, limit) = (
            BudgetScope::All,
            Some(eklavya_core::domain::money::MicroUsd(micros)),
        );
        eklavya_store::budgets::set_limit(&mut change.tx, scope, limit).await?;
        change.commit().await
    };
    let limit = async || {
        books
            .costs
            .show(BudgetScope::All)
            .await
            .unwrap()
            .limit
            .unwrap()
            .0
    };
    write(&fenced, 1).await.unwrap();
    let mut dead = worker("one", "h");
    dead.name = "one".into();
    taken(take(&books, &dead).await);
    assert!(write(&fenced, 2).await.unwrap_err().is_lease_lost());
    assert_eq!(limit().await, 1);
    // The same write without the fence: this is what it prevents.
    write(open, 3).await.unwrap();
    assert_eq!(limit().await, 3);
}

#[tokio::test]
async fn of_many_contenders_one_at_a_time_has_the_lease() {
    let books = Arc::new(Books::open(None).await);
    let mut contenders = tokio::task::JoinSet::new();
    for number in 0..8 {
        let books = Arc::clone(&books);
        contenders.spawn(async move {
            let worker = worker(&format!("w{number}"), "h");
            matches!(take(&books, &worker).await, Attempt::Taken(_))
        });
    }
    let won = contenders.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

#[test]
fn no_two_workers_have_one_name() {
    let (one, two) = (Worker::this(), Worker::this());
    assert_ne!(one.name, two.name);
    assert_eq!(one.host, two.host);
}

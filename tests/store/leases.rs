//! A lease has one holder, and is taken over only from a dead holder.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::audit::AuditActor;
use eklavya_core::lease::HeldLease;
use eklavya_core::lease::monitor::LeaseMonitor;
use eklavya_core::ledger::BudgetScope;
use eklavya_core::process::HostIdentity;
use eklavya_services::DataStore;
use eklavya_services::leases::*;
use eklavya_testkit::ledger::LedgerFixture;

const TERM: Duration = Duration::from_secs(30);

/// Returns a worker on the host `host` that has the process of this test.
fn worker(name: &str, host: &str) -> WorkerId {
    let this = WorkerId::generate();
    WorkerId {
        name: name.to_owned(),
        host: HostIdentity {
            machine: "m".into(),
            digest: host.to_owned(),
        },
        ..this
    }
}

async fn try_take(fixture: &LedgerFixture, worker: &WorkerId) -> LeaseAttempt {
    let mut watch = LeaseMonitor::default();
    let data = fixture.costs.data();
    try_acquire(
        data,
        &fixture.project,
        worker,
        TERM,
        &mut watch,
        Duration::ZERO,
    )
    .await
    .unwrap()
}

#[track_caller]
fn unwrap_acquired(attempt: LeaseAttempt) -> HeldLease {
    match attempt {
        LeaseAttempt::Acquired(taken) => taken.lease,
        LeaseAttempt::Held { holder, .. } => panic!("held by {holder}"),
    }
}

#[tokio::test]
async fn the_fence_rises_with_every_acquisition_and_a_released_lease_is_free() {
    let fixture = LedgerFixture::open(None).await;
    let data = fixture.costs.data();
    let (one, two) = (worker("one", "h"), worker("two", "h"));
    let first = unwrap_acquired(try_take(&fixture, &one).await);
    assert_eq!(first.fence, 1);
    assert!(matches!(
        try_take(&fixture, &two).await,
        LeaseAttempt::Held {
            term_expired: false,
            ..
        }
    ));
    release(data, &first).await.unwrap();
    let second = unwrap_acquired(try_take(&fixture, &two).await);
    assert_eq!(second.fence, 2);
    // A worker that acquires its own lease again ends its earlier lease.
    assert_eq!(unwrap_acquired(try_take(&fixture, &two).await).fence, 3);
    assert!(
        renew(data, &second, TERM)
            .await
            .unwrap_err()
            .is_lease_lost()
    );
    assert!(release(data, &first).await.unwrap_err().is_lease_lost());
}

#[tokio::test]
async fn a_dead_holder_is_replaced_immediately_only_on_its_own_host() {
    let fixture = LedgerFixture::open(None).await;
    let mut dead = worker("dead", "h");
    dead.start += 1;
    unwrap_acquired(try_take(&fixture, &dead).await);
    assert!(matches!(
        try_take(&fixture, &worker("two", "elsewhere")).await,
        LeaseAttempt::Held { .. }
    ));
    assert_eq!(
        unwrap_acquired(try_take(&fixture, &worker("three", "h")).await).fence,
        2
    );
}

#[tokio::test]
async fn a_holder_that_is_silent_past_its_term_is_replaced_unless_it_renews() {
    let fixture = LedgerFixture::open(None).await;
    let data = fixture.costs.data();
    let first = unwrap_acquired(try_take(&fixture, &worker("one", "h")).await);
    let two = worker("two", "h");
    let mut watch = LeaseMonitor::default();
    let mut look = async |seconds: u64| {
        let at = Duration::from_secs(seconds);
        try_acquire(data, &fixture.project, &two, TERM, &mut watch, at)
            .await
            .unwrap()
    };
    let late = data.now() + TERM;
    fixture.clock.set(late);
    assert!(matches!(
        look(0).await,
        LeaseAttempt::Held {
            term_expired: true,
            ..
        }
    ));
    renew(data, &first, TERM).await.unwrap();
    assert!(matches!(
        look(6).await,
        LeaseAttempt::Held {
            term_expired: false,
            ..
        }
    ));
    fixture.clock.set(late + TERM);
    assert!(matches!(
        look(7).await,
        LeaseAttempt::Held {
            term_expired: true,
            ..
        }
    ));
    let second = unwrap_acquired(look(12).await);
    assert_eq!(second.fence, 2);
    let lost = renew(data, &first, TERM).await.unwrap_err();
    let expected = format!(
        "lost the lease on shop: another worker (pid {} on m, since {}) holds it now; no more \
         changes are written",
        two.pid,
        late + TERM
    );
    assert_eq!(lost.to_string(), expected);
}

#[tokio::test]
async fn a_fenced_store_writes_nothing_after_its_lease_is_lost() {
    let fixture = LedgerFixture::open(None).await;
    let first = unwrap_acquired(try_take(&fixture, &worker("one", "h")).await);
    let (open, fenced) = (fixture.costs.data(), fixture.costs.data().fenced(first));
    let write = async |data: &DataStore, micros: i64| {
        let mut change = data.begin(&AuditActor::System).await?;
        let (scope, limit) = (
            BudgetScope::All,
            Some(eklavya_core::money::MicroUsd(micros)),
        );
        eklavya_store::budgets::set_limit(&mut change.sql, scope, limit).await?;
        change.commit().await
    };
    let limit = async || {
        fixture
            .costs
            .find_budget(BudgetScope::All)
            .await
            .unwrap()
            .limit
            .unwrap()
            .0
    };
    write(&fenced, 1).await.unwrap();
    let mut dead = worker("one", "h");
    dead.name = "one".into();
    unwrap_acquired(try_take(&fixture, &dead).await);
    assert!(write(&fenced, 2).await.unwrap_err().is_lease_lost());
    assert_eq!(limit().await, 1);
    // Without the fence, the same write succeeds.
    write(open, 3).await.unwrap();
    assert_eq!(limit().await, 3);
}

#[tokio::test]
async fn exactly_one_of_many_contenders_gets_the_lease() {
    let fixture = Arc::new(LedgerFixture::open(None).await);
    let mut contenders = tokio::task::JoinSet::new();
    for number in 0..8 {
        let fixture = Arc::clone(&fixture);
        contenders.spawn(async move {
            let worker = worker(&format!("w{number}"), "h");
            matches!(try_take(&fixture, &worker).await, LeaseAttempt::Acquired(_))
        });
    }
    let won = contenders.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

#[test]
fn workers_have_different_names() {
    let (one, two) = (WorkerId::generate(), WorkerId::generate());
    assert_ne!(one.name, two.name);
    assert_eq!(one.host, two.host);
}

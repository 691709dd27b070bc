//! Leases and their fence on PostgreSQL, where several write at the same time.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::lease::Tenure;
use eklavya_core::domain::lease_watch::Watch;
use eklavya_core::domain::project::Project;
use eklavya_services::leases::{self, Attempt, Worker};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::{Desk, ServiceError};
use eklavya_store::{Location, Server, Store, StoreError};

use crate::postgres::Postgres;

const TERM: Duration = Duration::from_secs(30);

/// A database with a project, and two workers in processes that live.
struct Office {
    desk: Desk,
    project: Project,
}

impl Office {
    async fn open() -> Self {
        let server = Server::new(&Postgres::shared().parse().unwrap(), None).unwrap();
        let store = Store::create(&Location::Server(Box::new(server)))
            .await
            .unwrap();
        let desk = Desk::new(store, Arc::new(SystemClock));
        let new = NewProject {
            name: "Shop".into(),
            slug: None,
            client: "Ada".into(),
            brief: b"A shop.".to_vec(),
            budget: None,
            rehearsal: None,
        };
        let project = projects::create(&desk, &Actor::System, new).await.unwrap();
        Self { desk, project }
    }

    async fn attempt(&self, worker: &Worker, watch: &mut Watch, at: u64) -> Attempt {
        let at = Duration::from_secs(at);
        leases::attempt(&self.desk, &self.project, worker, TERM, watch, at)
            .await
            .unwrap()
    }

    /// Takes the lease, over whoever has it.
    async fn take(&self, worker: &Worker) -> Tenure {
        let mut watch = Watch::default();
        for at in [0, 60] {
            if let Attempt::Taken(taken) = self.attempt(worker, &mut watch, at).await {
                return taken.tenure;
            }
        }
        panic!("the lease is not to be had");
    }

    async fn pause(&self, desk: &Desk) -> Result<(), ServiceError> {
        let mut change = desk.change(&Actor::System).await?;
        change.audit(
            (Some(self.project.id), None),
            "test.write",
            serde_json::json!({}),
        );
        Ok(change.commit().await?)
    }
}

fn is_lost(outcome: Result<(), impl Into<ServiceError>>) -> bool {
    matches!(
        outcome.map_err(Into::into),
        Err(ServiceError::Store(StoreError::LeaseLost { .. }))
    )
}

#[tokio::test]
async fn a_tenure_that_is_over_writes_nothing() {
    let office = Office::open().await;
    let (one, two) = (Worker::this(), Worker::this());
    let first = office.take(&one).await;
    let fenced = office.desk.fenced(first.clone());
    office.pause(&fenced).await.unwrap();
    leases::renew(&office.desk, &first, TERM).await.unwrap();
    let second = office.take(&two).await;
    assert_eq!((first.fence, second.fence), (1, 2));
    assert!(is_lost(office.pause(&fenced).await));
    assert!(is_lost(leases::renew(&office.desk, &first, TERM).await));
    assert!(is_lost(leases::release(&office.desk, &first).await));
    leases::release(&office.desk, &second).await.unwrap();
    assert!(is_lost(office.pause(&office.desk.fenced(second)).await));
    office.pause(&office.desk).await.unwrap();
}

#[tokio::test]
async fn a_write_under_way_lets_renewals_pass_and_holds_a_takeover_up() {
    let office = Arc::new(Office::open().await);
    let first = office.take(&Worker::this()).await;
    let change = office
        .desk
        .fenced(first.clone())
        .change(&Actor::System)
        .await
        .unwrap();
    leases::renew(&office.desk, &first, TERM).await.unwrap();
    let taking = tokio::spawn({
        let office = Arc::clone(&office);
        async move { office.take(&Worker::this()).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!taking.is_finished());
    change.commit().await.unwrap();
    assert_eq!(taking.await.unwrap().fence, 2);
}

/// The server's clock counts, so a worker whose own clock is wrong neither robs anybody nor keeps a
/// lease for ever.
#[tokio::test]
async fn the_clocks_of_the_workers_do_not_matter() {
    let office = Office::open().await;
    let ahead = Arc::new(FixedClock::new("2199-01-01T00:00:00Z".parse().unwrap()));
    let wrong = Office {
        desk: Desk::new(office.desk.store.clone(), ahead),
        project: office.project.clone(),
    };
    wrong.take(&Worker::this()).await;
    let look = office
        .attempt(&Worker::this(), &mut Watch::default(), 0)
        .await;
    let Attempt::Held {
        holder,
        soon: false,
    } = look
    else {
        panic!("{look:?}")
    };
    assert!(holder.until < "2198-01-01T00:00:00Z".parse().unwrap());
    let look = wrong
        .attempt(&Worker::this(), &mut Watch::default(), 0)
        .await;
    assert!(
        matches!(look, Attempt::Held { soon: false, .. }),
        "{look:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_contenders_one_gets_the_lease() {
    let office = Arc::new(Office::open().await);
    let mut contenders = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let office = Arc::clone(&office);
        contenders.spawn(async move {
            let worker = Worker::this();
            let look = office.attempt(&worker, &mut Watch::default(), 0).await;
            matches!(look, Attempt::Taken(_))
        });
    }
    let won = contenders.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

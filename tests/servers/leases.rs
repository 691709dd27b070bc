//! Leases and their fence on PostgreSQL, where several workers write at the same time.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::lease::HeldLease;
use eklavya_core::lease::monitor::LeaseMonitor;
use eklavya_core::project::Project;
use eklavya_services::leases::{self, LeaseAttempt, WorkerId};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::{DataStore, ServiceError};
use eklavya_store::{DatabaseLocation, PostgresServer, Store, StoreError};
use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::{Connection, PgConnection};

const TERM: Duration = Duration::from_secs(30);

/// A database with a project, for workers in live processes.
struct LeaseFixture {
    url: String,
    data: DataStore,
    project: Project,
}

impl LeaseFixture {
    async fn open() -> Self {
        let url = TestPostgres::shared();
        let server = PostgresServer::new(&url.parse().unwrap(), None).unwrap();
        let store = Store::create(&DatabaseLocation::Server(Box::new(server)))
            .await
            .unwrap();
        let data = DataStore::new(store, Arc::new(SystemClock));
        let new = NewProject {
            name: "Shop".into(),
            slug: None,
            client: "Ada".into(),
            brief: b"A shop.".to_vec(),
            budget: None,
            rehearsal: None,
        };
        let project = projects::create(&data, &AuditActor::System, new)
            .await
            .unwrap();
        Self { url, data, project }
    }

    async fn try_acquire(
        &self,
        worker: &WorkerId,
        watch: &mut LeaseMonitor,
        at: u64,
    ) -> LeaseAttempt {
        let at = Duration::from_secs(at);
        leases::try_acquire(&self.data, &self.project, worker, TERM, watch, at)
            .await
            .unwrap()
    }

    /// Takes the lease from its holder.
    async fn take_over(&self, worker: &WorkerId) -> HeldLease {
        let mut watch = LeaseMonitor::default();
        for at in [0, 60] {
            if let LeaseAttempt::Acquired(taken) = self.try_acquire(worker, &mut watch, at).await {
                return taken.lease;
            }
        }
        panic!("the lease cannot be acquired");
    }

    async fn pause_project(&self, data: &DataStore) -> Result<(), ServiceError> {
        let mut change = data.begin(&AuditActor::System).await?;
        change.add_audit(
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
async fn a_worker_that_lost_its_lease_writes_nothing() {
    let office = LeaseFixture::open().await;
    let (one, two) = (WorkerId::generate(), WorkerId::generate());
    let first = office.take_over(&one).await;
    let fenced = office.data.fenced(first.clone());
    office.pause_project(&fenced).await.unwrap();
    leases::renew(&office.data, &first, TERM).await.unwrap();
    let second = office.take_over(&two).await;
    assert_eq!((first.fence, second.fence), (1, 2));
    assert!(is_lost(office.pause_project(&fenced).await));
    assert!(is_lost(leases::renew(&office.data, &first, TERM).await));
    assert!(is_lost(leases::release(&office.data, &first).await));
    leases::release(&office.data, &second).await.unwrap();
    assert!(is_lost(
        office.pause_project(&office.data.fenced(second)).await
    ));
    office.pause_project(&office.data).await.unwrap();
}

#[tokio::test]
async fn an_open_write_allows_renewals_and_delays_a_takeover() {
    let office = Arc::new(LeaseFixture::open().await);
    let first = office.take_over(&WorkerId::generate()).await;
    let change = office
        .data
        .fenced(first.clone())
        .begin(&AuditActor::System)
        .await
        .unwrap();
    leases::renew(&office.data, &first, TERM).await.unwrap();
    let taking = tokio::spawn({
        let office = Arc::clone(&office);
        async move { office.take_over(&WorkerId::generate()).await }
    });
    // The takeover waits for a lock of PostgreSQL.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    let mut watcher = PgConnection::connect(&office.url).await.unwrap();
    loop {
        assert!(!taking.is_finished());
        let (count,): (i64,) = sqlx::query_as(waits).fetch_one(&mut watcher).await.unwrap();
        if count > 0 {
            break;
        }
    }
    change.commit().await.unwrap();
    assert_eq!(taking.await.unwrap().fence, 2);
}

/// The clock of the server counts, so a worker with a wrong clock neither takes a lease from its
/// holder nor keeps a lease forever.
#[tokio::test]
async fn leases_do_not_depend_on_the_clocks_of_the_workers() {
    let office = LeaseFixture::open().await;
    let ahead = Arc::new(FixedClock::new("2199-01-01T00:00:00Z".parse().unwrap()));
    let wrong = LeaseFixture {
        url: office.url.clone(),
        data: DataStore::new(office.data.store.clone(), ahead),
        project: office.project.clone(),
    };
    wrong.take_over(&WorkerId::generate()).await;
    let look = office
        .try_acquire(&WorkerId::generate(), &mut LeaseMonitor::default(), 0)
        .await;
    let LeaseAttempt::Held {
        holder,
        term_expired: false,
    } = look
    else {
        panic!("{look:?}")
    };
    assert!(holder.expires_at < "2198-01-01T00:00:00Z".parse().unwrap());
    let look = wrong
        .try_acquire(&WorkerId::generate(), &mut LeaseMonitor::default(), 0)
        .await;
    assert!(
        matches!(
            look,
            LeaseAttempt::Held {
                term_expired: false,
                ..
            }
        ),
        "{look:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_many_contenders_acquires_the_lease() {
    let office = Arc::new(LeaseFixture::open().await);
    let mut contenders = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let office = Arc::clone(&office);
        contenders.spawn(async move {
            let worker = WorkerId::generate();
            let look = office
                .try_acquire(&worker, &mut LeaseMonitor::default(), 0)
                .await;
            matches!(look, LeaseAttempt::Acquired(_))
        });
    }
    let won = contenders.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

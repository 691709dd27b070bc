//! A clock that is set back and forward: events are ordered by their numbers, never by time.

use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::FixedClock;
use eklavya_core::project::ProjectEvent;
use eklavya_services::DataStore;
use eklavya_services::projects::{self, NewProject};
use eklavya_store::{DatabaseLocation, PostgresServer, Store, events};
use eklavya_testkit::servers::postgres::TestPostgres;
use jiff::{SignedDuration, Timestamp};

/// Hours by which the clock is moved before each change.
const JUMPS: [i64; 6] = [-1, 2, -48, 1, -1, 8760];

#[tokio::test]
async fn events_keep_their_order_under_clock_jumps_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    run_with_clock_jumps(DatabaseLocation::File(directory.path().join("eklavya.db"))).await;
}

#[tokio::test]
async fn events_keep_their_order_under_clock_jumps_on_a_server() {
    let server = TestPostgres::start();
    let url = server.url();
    let server_of = PostgresServer::new(&url.parse().unwrap(), None).unwrap();
    run_with_clock_jumps(DatabaseLocation::Server(Box::new(server_of))).await;
}

async fn run_with_clock_jumps(location: DatabaseLocation) {
    let store = Store::create(&location).await.unwrap();
    let begin: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let clock = Arc::new(FixedClock::new(begin));
    let data = DataStore::new(store, clock.clone());
    let new = NewProject {
        name: "Shop".into(),
        slug: None,
        client: "Ada".into(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let mut project = projects::create(&data, &AuditActor::System, new)
        .await
        .unwrap();
    let mut expected = vec![];
    for (number, hours) in JUMPS.into_iter().enumerate() {
        clock.set(data.now() + SignedDuration::from_hours(hours));
        let event = [ProjectEvent::Pause, ProjectEvent::Resume][number % 2];
        project = projects::advance(&data, &AuditActor::System, &project, event)
            .await
            .unwrap();
        expected.push((project.state.status(), data.now()));
    }
    data.sequence_events().await.unwrap();
    let mut tx = data.begin_read().await.unwrap();
    let stored = events::read_after(&mut tx, Some(project.id), 1, 100)
        .await
        .unwrap();
    assert_eq!(stored.len(), expected.len());
    for (position, (event, (status, at))) in (2..).zip(stored.iter().zip(expected)) {
        assert_eq!((event.seq, event.at), (position, at));
        assert!(format!("{:?}", event.event).contains(status));
    }
}

//! The database becomes unavailable and returns: a follower of the log only pauses.

use std::time::Duration;

use eklavya_core::audit::AuditActor;
use eklavya_services::DataStore;
use eklavya_services::event_log::EventReader;
use eklavya_testkit::servers::postgres::TestPostgres;

use super::{create, follow_names, named_event, open_data_store, server_location};

/// Retries until an event is committed.
async fn commit_until_stored(data: &DataStore, name: &str) {
    loop {
        let written = async {
            let mut change = data.begin(&AuditActor::System).await?;
            change.add_event(None, named_event(name));
            change.commit().await
        };
        match written.await {
            Ok(()) => return,
            Err(error) => assert!(error.is_unavailable(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_follower_continues_after_cuts_and_crashes() {
    let postgres = TestPostgres::durable();
    let location = server_location(&postgres.url());
    create(&location).await;
    let (writer, reader) = (
        open_data_store(&location).await,
        open_data_store(&location).await,
    );
    let mut follower = EventReader::since(&reader, 0);
    commit_until_stored(&writer, "first").await;
    assert_eq!(follow_names(&mut follower, 1).await, ["first"]);
    postgres.cut_connections();
    commit_until_stored(&writer, "after a cut").await;
    assert_eq!(follow_names(&mut follower, 1).await, ["after a cut"]);
    // Wait until the listener is connected again.
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";
    while postgres.psql(listening) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // The event is committed but has no sequence number when the server dies.
    let mut tx = writer.store.begin_write().await.unwrap();
    let now = writer.now();
    eklavya_store::events::append(&mut tx, None, &named_event("unplaced"), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    postgres.kill();
    let waiting = tokio::spawn(async move {
        let found = follow_names(&mut follower, 2).await;
        (follower, found)
    });
    postgres.restart();
    commit_until_stored(&writer, "after a crash").await;
    let (mut follower, found) = waiting.await.unwrap();
    assert_eq!(found, ["unplaced", "after a crash"]);
    commit_until_stored(&writer, "last").await;
    assert_eq!(follow_names(&mut follower, 1).await, ["last"]);
}

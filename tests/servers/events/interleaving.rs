//! Transactions that are not committed in the order in which they began.

use eklavya_core::audit::AuditActor;
use eklavya_services::event_log::EventReader;
use eklavya_store::events::{self, LockMode};
use eklavya_store::{SqlTransaction, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::{Connection, Executor, PgConnection};

use super::{create, follow_names, named_event, open_data_store, server_location};

async fn begin(store: &Store, name: &str) -> SqlTransaction {
    let mut tx = store.begin_write().await.unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    events::append(&mut tx, None, &named_event(name), now)
        .await
        .unwrap();
    tx
}

#[tokio::test]
async fn on_postgres_an_event_that_is_committed_late_is_not_skipped() {
    let location = server_location(&TestPostgres::shared());
    create(&location).await;
    let data = open_data_store(&location).await;
    let mut follower = EventReader::since(&data, 0);
    let slow = begin(&data.store, "slow").await;
    let rolled_back = begin(&data.store, "rolled back").await;
    let mut change = data.begin(&AuditActor::System).await.unwrap();
    change.add_event(None, named_event("quick"));
    change.commit().await.unwrap();
    assert_eq!(follow_names(&mut follower, 1).await, ["quick"]);
    let cursor = follower.cursor();
    drop(rolled_back);
    slow.commit().await.unwrap();
    // No notification is sent, as if the writer died right after its commit.
    assert_eq!(follow_names(&mut follower, 1).await, ["slow"]);
    let mut other = EventReader::since(&data, cursor);
    assert_eq!(follow_names(&mut other, 1).await, ["slow"]);
    assert_eq!(
        (cursor, follower.cursor()),
        (1, 2),
        "sequence numbers have no gaps"
    );
}

/// Shows why sequence numbers are not assigned when a row is written.
#[tokio::test]
async fn on_postgres_an_identity_column_would_let_a_reader_skip_an_event() {
    let url = TestPostgres::shared();
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(PgConnection::connect(&url).await.unwrap());
    }
    let [reader, slow, quick] = &mut connections[..] else {
        unreachable!("three connections were made");
    };
    let table = "CREATE TABLE naive (seq bigint GENERATED ALWAYS AS IDENTITY, name text)";
    reader.execute(table).await.unwrap();
    let slow_start = "BEGIN; INSERT INTO naive (name) VALUES ('slow')";
    slow.execute(slow_start).await.unwrap();
    let insert = "INSERT INTO naive (name) VALUES ('quick')";
    quick.execute(insert).await.unwrap();
    let read = "SELECT seq, name FROM naive WHERE seq > $1 ORDER BY seq";
    let first: Vec<(i64, String)> = sqlx::query_as(read)
        .bind(0_i64)
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    assert_eq!(first, [(2, "quick".to_owned())]);
    slow.execute("COMMIT").await.unwrap();
    let rest: Vec<(i64, String)> = sqlx::query_as(read)
        .bind(first[0].0)
        .fetch_all(reader)
        .await
        .unwrap();
    assert_eq!(rest, [], "the reader skips the slow event");
}

#[tokio::test]
async fn on_postgres_a_dead_sequencer_numbers_no_event_and_blocks_no_other() {
    let url = TestPostgres::shared();
    let location = server_location(&url);
    create(&location).await;
    let data = open_data_store(&location).await;
    begin(&data.store, "first").await.commit().await.unwrap();
    let mut dying = PgConnection::connect(&url).await.unwrap();
    dying
        .execute("BEGIN; SELECT place_events(false)")
        .await
        .unwrap();
    // A second sequencer waits for the first; a third leaves its event to the second.
    let store = data.store.clone();
    let waiting =
        tokio::spawn(async move { events::sequence_events(&store, LockMode::Skip).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    let mut watcher = PgConnection::connect(&url).await.unwrap();
    loop {
        let (count,): (i64,) = sqlx::query_as(waits).fetch_one(&mut watcher).await.unwrap();
        if count > 0 {
            break;
        }
    }
    begin(&data.store, "second").await.commit().await.unwrap();
    let left = events::sequence_events(&data.store, LockMode::Skip)
        .await
        .unwrap();
    assert_eq!(left, None);
    dying.close_hard().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(2));
    let mut follower = EventReader::since(&data, 0);
    assert_eq!(follow_names(&mut follower, 2).await, ["first", "second"]);
}

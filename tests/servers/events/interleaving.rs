//! The order in which transactions begin is not the order in which they are committed.

use eklavya_core::domain::audit::Actor;
use eklavya_services::news::Follower;
use eklavya_store::events::{self, Patience};
use eklavya_store::{Store, Tx};
use sqlx::{Connection, Executor, PgConnection};

use super::{create, desk, event, names, server};
use crate::postgres::Postgres;

async fn begin(store: &Store, name: &str) -> Tx {
    let mut tx = store.write().await.unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    events::append(&mut tx, None, &event(name), now)
        .await
        .unwrap();
    tx
}

#[tokio::test]
async fn on_postgres_an_event_that_is_committed_late_is_not_skipped() {
    let location = server(&Postgres::shared());
    create(&location).await;
    let desk = desk(&location).await;
    let mut follower = Follower::since(&desk, 0);
    let slow = begin(&desk.store, "slow").await;
    let rolled_back = begin(&desk.store, "rolled back").await;
    let mut change = desk.change(&Actor::System).await.unwrap();
    change.event(None, event("quick"));
    change.commit().await.unwrap();
    assert_eq!(names(&mut follower, 1).await, ["quick"]);
    let cursor = follower.cursor();
    drop(rolled_back);
    slow.commit().await.unwrap();
    // Nobody is told: the process that wrote it died right after its commit.
    assert_eq!(names(&mut follower, 1).await, ["slow"]);
    let mut other = Follower::since(&desk, cursor);
    assert_eq!(names(&mut other, 1).await, ["slow"]);
    assert_eq!((cursor, follower.cursor()), (1, 2), "places have no gaps");
}

/// What the log would do if places were given when a row is written: this is why they are not.
#[tokio::test]
async fn on_postgres_an_identity_column_would_let_a_reader_skip_an_event() {
    let url = Postgres::shared();
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(PgConnection::connect(&url).await.unwrap());
    }
    let [reader, slow, quick] = &mut connections[..] else {
        unreachable!("three were made");
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
    assert_eq!(rest, [], "the slow one would be seen after all");
}

#[tokio::test]
async fn on_postgres_whoever_dies_while_it_gives_places_gives_none_and_blocks_nobody() {
    let url = Postgres::shared();
    let location = server(&url);
    create(&location).await;
    let desk = desk(&location).await;
    begin(&desk.store, "first").await.commit().await.unwrap();
    let mut dying = PgConnection::connect(&url).await.unwrap();
    dying
        .execute("BEGIN; SELECT place_events(false)")
        .await
        .unwrap();
    // Another one waits for it; a third leaves to that one what it has committed.
    let store = desk.store.clone();
    let waiting = tokio::spawn(async move { events::place(&store, Patience::Leave).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    let mut watcher = PgConnection::connect(&url).await.unwrap();
    loop {
        let (count,): (i64,) = sqlx::query_as(waits).fetch_one(&mut watcher).await.unwrap();
        if count > 0 {
            break;
        }
    }
    begin(&desk.store, "second").await.commit().await.unwrap();
    let left = events::place(&desk.store, Patience::Leave).await.unwrap();
    assert_eq!(left, None);
    dying.close_hard().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(2));
    let mut follower = Follower::since(&desk, 0);
    assert_eq!(names(&mut follower, 2).await, ["first", "second"]);
}

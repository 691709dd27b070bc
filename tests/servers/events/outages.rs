//! The database goes away and comes back; who follows the log notices nothing but a pause.

use std::time::Duration;

use eklavya_core::domain::audit::Actor;
use eklavya_services::Desk;
use eklavya_services::news::Follower;

use super::{create, desk, event, names, server};
use crate::postgres::Postgres;

/// Commits an event, again and again until the database surely has it.
async fn insist(desk: &Desk, name: &str) {
    loop {
        let written = async {
            let mut change = desk.change(&Actor::System).await?;
            change.event(None, event(name));
            change.commit().await
        };
        match written.await {
            Ok(()) => return,
            Err(error) => assert!(error.is_away(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_follower_goes_on_after_cuts_and_crashes() {
    let postgres = Postgres::durable();
    let location = server(&postgres.url());
    create(&location).await;
    let (writer, reader) = (desk(&location).await, desk(&location).await);
    let mut follower = Follower::since(&reader, 0);
    insist(&writer, "first").await;
    assert_eq!(names(&mut follower, 1).await, ["first"]);
    postgres.cut_connections();
    insist(&writer, "after a cut").await;
    assert_eq!(names(&mut follower, 1).await, ["after a cut"]);
    // What listened listens again.
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";
    while postgres.psql(listening) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // Committed and not yet placed when the server dies.
    let mut tx = writer.store.write().await.unwrap();
    let now = writer.now();
    eklavya_store::events::append(&mut tx, None, &event("unplaced"), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    postgres.kill();
    let waiting = tokio::spawn(async move {
        let found = names(&mut follower, 2).await;
        (follower, found)
    });
    postgres.restart();
    insist(&writer, "after a crash").await;
    let (mut follower, found) = waiting.await.unwrap();
    assert_eq!(found, ["unplaced", "after a crash"]);
    insist(&writer, "last").await;
    assert_eq!(names(&mut follower, 1).await, ["last"]);
}

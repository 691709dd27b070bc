//! A call that is cancelled while it waits for the database leaves no open transaction.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use eklavya_store::{DatabaseLocation, PostgresServer, Store, projects};
use eklavya_testkit::servers::postgres::TestPostgres;

use crate::fixtures::project_records;

/// More polls than it takes to get a connection and begin a transaction.
const STEPS: u32 = 8;

#[tokio::test]
async fn on_postgres_an_abandoned_transaction_is_rolled_back() {
    let url = url::Url::parse(&TestPostgres::shared()).unwrap();
    let location = DatabaseLocation::Server(Box::new(PostgresServer::new(&url, None).unwrap()));
    let store = Store::create(&location).await.unwrap();
    drop(store.begin_read().await.unwrap());
    for steps in 0..STEPS {
        abandon_read(&store, steps).await;
        // A connection that is still in a read-only transaction would refuse this write.
        let mut tx = store.begin_write().await.unwrap();
        projects::insert(&mut tx, &project_records::project(1, "shop"))
            .await
            .unwrap();
    }
}

/// Begins to read, and is dropped after this number of polls.
async fn abandon_read(store: &Store, steps: u32) {
    let mut beginning = pin!(store.begin_read());
    for _ in 0..steps {
        let begun = poll_fn(|context| Poll::Ready(beginning.as_mut().poll(context).is_ready()));
        if begun.await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

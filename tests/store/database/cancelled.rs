//! A call that is cancelled while it waits for the database leaves nothing in its connections.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use eklavya_store::{DatabaseLocation, PostgresServer, Store, projects};
use eklavya_testkit::servers::postgres::TestPostgres;

use crate::fixtures::project_records;

/// More than it takes to get a connection and begin a transaction, one answer at a time.
const STEPS: u32 = 8;

#[tokio::test]
async fn on_postgres_an_abandoned_transaction_is_rolled_back() {
    let url = url::Url::parse(&TestPostgres::shared()).unwrap();
    let location = DatabaseLocation::Server(Box::new(PostgresServer::new(&url, None).unwrap()));
    let store = Store::create(&location).await.unwrap();
    drop(store.begin_read().await.unwrap());
    for steps in 0..STEPS {
        abandon_read(&store, steps).await;
        // Were a connection left in a transaction that only reads, nothing could be written.
        let mut tx = store.begin_write().await.unwrap();
        projects::insert(&mut tx, &project_records::project(1, "shop"))
            .await
            .unwrap();
    }
}

/// Begins to read, and is gone after so many steps.
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

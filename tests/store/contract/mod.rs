//! The contract of every function of the store, on every database.
//!
//! Starting a server takes longer than calling a function, so the functions of one subject share a
//! test.

mod audit_trail;
mod coverage;
mod exchange;
mod lists;
mod money;
mod queue;
mod races;
mod records;
mod texts;
mod work;

use eklavya_store::{Store, StoreError};

use crate::fixtures::databases::TestDatabase;

/// Calls functions with an empty store of each kind, one after the other.
macro_rules! on_each {
    ($($part:path),* $(,)?) => {$(
        for database in $crate::fixtures::databases::TestDatabase::each().await {
            // The output of a failed test names the database.
            eprintln!("{} on {}", stringify!($part), database.name);
            $part(&database.store).await;
            database.store.close().await;
        }
    )*};
}
pub(crate) use on_each;

/// Whether the database refused a row because of a unique constraint.
fn is_duplicate(error: &StoreError) -> bool {
    let StoreError::Driver(error) = error else {
        return false;
    };
    let refused = error.as_database_error();
    refused.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether the database refused a row because it refers to a missing row.
fn is_orphan(error: &StoreError) -> bool {
    let StoreError::Driver(error) = error else {
        return false;
    };
    let refused = error.as_database_error();
    refused.is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

async fn reopen(store: &TestDatabase) -> Store {
    Store::open(&store.location).await.unwrap()
}

#[tokio::test]
async fn only_committed_changes_are_kept() {
    use eklavya_store::projects;
    for database in TestDatabase::each().await {
        let mut tx = database.store.begin_write().await.unwrap();
        let kept = crate::fixtures::project_records::project(1, "kept");
        projects::insert(&mut tx, &kept).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = database.store.begin_write().await.unwrap();
        let lost = crate::fixtures::project_records::project(2, "lost");
        projects::insert(&mut tx, &lost).await.unwrap();
        drop(tx);
        let store = reopen(&database).await;
        let mut tx = store.begin_read().await.unwrap();
        assert_eq!(projects::all(&mut tx).await.unwrap(), [kept]);
    }
}

#[tokio::test]
async fn a_reader_sees_one_state_and_cannot_write() {
    use eklavya_store::projects;
    for database in TestDatabase::each().await {
        let mut reader = database.store.begin_read().await.unwrap();
        assert_eq!(projects::all(&mut reader).await.unwrap(), []);
        let mut tx = database.store.begin_write().await.unwrap();
        let project = crate::fixtures::project_records::project(1, "shop");
        projects::insert(&mut tx, &project).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(projects::all(&mut reader).await.unwrap(), []);
        let written = projects::insert(
            &mut reader,
            &crate::fixtures::project_records::project(2, "tea"),
        )
        .await;
        assert!(written.is_err(), "{}: {written:?}", database.name);
    }
}

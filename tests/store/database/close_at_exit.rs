//! Closing a SQLite file when the process exits, and what opening it reads.

use std::path::PathBuf;

use eklavya_store::{DatabaseLocation, Store, projects, secrets};
use tempfile::TempDir;

use crate::fixtures::project_records;

/// Returns a directory, the location of a database in it, and the path of its write-ahead log.
fn location() -> (TempDir, DatabaseLocation, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("eklavya.db");
    let log = directory.path().join("eklavya.db-wal");
    (directory, DatabaseLocation::File(file), log)
}

#[tokio::test]
async fn the_log_moves_into_the_file_after_a_write_and_stays_usable_after_reads() {
    let (_directory, location, log) = location();
    let store = Store::create(&location).await.unwrap();
    let mut tx = store.begin_write().await.unwrap();
    let first = project_records::project(1, "first");
    projects::insert(&mut tx, &first).await.unwrap();
    tx.commit().await.unwrap();
    assert!(log.metadata().unwrap().len() > 0);
    store.close_at_exit().await;
    assert!(!log.exists());
    for number in 2..4 {
        let store = Store::open(&location).await.unwrap();
        let mut tx = store.begin_read().await.unwrap();
        assert_eq!(projects::all(&mut tx).await.unwrap().len(), number - 1);
        drop(tx);
        store.close_at_exit().await;
        let store = Store::open(&location).await.unwrap();
        let mut tx = store.begin_write().await.unwrap();
        let number = u32::try_from(number).unwrap();
        let next = project_records::project(number, &format!("shop-{number}"));
        projects::insert(&mut tx, &next).await.unwrap();
        tx.commit().await.unwrap();
        store.close_at_exit().await;
    }
}

#[tokio::test]
async fn opening_a_database_reads_whether_it_has_secrets() {
    let (_directory, location, _) = location();
    let store = Store::create(&location).await.unwrap();
    // Creating a database does not read it.
    assert!(store.may_have_secrets());
    store.close().await;
    let store = Store::open(&location).await.unwrap();
    assert!(!store.may_have_secrets());
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    let secret = project_records::secret(&project, "TOKEN");
    secrets::put(&mut tx, &secret).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    assert!(Store::open(&location).await.unwrap().may_have_secrets());
}

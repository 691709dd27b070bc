//! Many concurrent writers and readers, with open transactions, rollbacks and readers that restart.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use eklavya_core::audit::AuditActor;
use eklavya_services::DataStore;
use eklavya_services::event_log::EventReader;
use eklavya_store::DatabaseLocation;
use eklavya_store::events::{self, LockMode};
use eklavya_testkit::servers::postgres::TestPostgres;
use rand::random_range;

use super::{
    PATIENCE, create, file_location, name_of, named_event, open_data_store, server_location,
};

const WRITERS: usize = 6;
const READERS: usize = 3;
/// The name of the last event, written after all others.
const END: &str = "end";

#[test]
fn on_sqlite_every_reader_sees_every_event_once_in_the_same_order() {
    let directory = tempfile::tempdir().unwrap();
    // Writers wait for each other, so there is little to interleave.
    assert_same_order(&file_location(directory.path()), 15);
}

#[test]
fn on_postgres_every_reader_sees_every_event_once_in_the_same_order() {
    assert_same_order(&server_location(&TestPostgres::shared()), 60);
}

/// Runs `work` in a separate runtime: like processes, the runtimes share only the database.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn assert_same_order(location: &DatabaseLocation, changes: usize) {
    run(create(location));
    let (committed, seen) = thread::scope(|scope| {
        let reader = |_| scope.spawn(|| run(read(location)));
        let readers: Vec<_> = (0..READERS).map(reader).collect();
        let writer = |number| scope.spawn(move || run(write(location, number, changes)));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        let committed: Vec<_> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        run(write_end_event(location));
        let seen: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
        (committed, seen)
    });
    for (places, names) in &seen {
        let expected: Vec<i64> = (1..).take(places.len()).collect();
        assert_eq!(
            *places, expected,
            "sequence numbers have neither gaps nor repeats"
        );
        assert_eq!(names, &seen[0].1, "all readers see the same order");
    }
    let names = &seen[0].1;
    let all: BTreeSet<&String> = committed.iter().flatten().collect();
    let read: BTreeSet<&String> = names.iter().filter(|name| *name != END).collect();
    assert_eq!(read, all, "exactly the committed events are read");
    assert_eq!(names.len(), all.len() + 1, "each event is read once");
    for own in &committed {
        let order: Vec<&String> = names.iter().filter(|name| own.contains(name)).collect();
        assert_eq!(
            order,
            own.iter().collect::<Vec<_>>(),
            "the events of a writer keep their order"
        );
    }
}

/// Returns the names of the events that were committed, in order.
async fn write(location: &DatabaseLocation, writer: usize, changes: usize) -> Vec<String> {
    let data = open_data_store(location).await;
    let mut committed = Vec::new();
    for change in 0..changes {
        let name = |number: u32| format!("{writer}.{change}.{number}");
        let names: Vec<String> = (0..random_range(1..4)).map(name).collect();
        if random_range(0..3) == 0 {
            let mut change = data.begin(&AuditActor::System).await.unwrap();
            for name in &names {
                change.add_event(None, named_event(name));
            }
            change.commit().await.unwrap();
            committed.extend(names);
        } else if hold_transaction(&data, &names).await {
            committed.extend(names);
        }
    }
    data.flush().await;
    committed
}

/// Leaves a transaction open for a while with events in it; returns whether it was committed.
/// Sometimes no notification is sent, as if the process died right after its commit.
async fn hold_transaction(data: &DataStore, names: &[String]) -> bool {
    let mut tx = data.store.begin_write().await.unwrap();
    for name in names {
        events::append(&mut tx, None, &named_event(name), data.now())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(random_range(0..8))).await;
    }
    if random_range(0..4) == 0 {
        return false;
    }
    tx.commit().await.unwrap();
    if random_range(0..4) > 0 {
        events::sequence_events(&data.store, LockMode::Skip)
            .await
            .unwrap();
    }
    true
}

async fn write_end_event(location: &DatabaseLocation) {
    let data = open_data_store(location).await;
    let mut change = data.begin(&AuditActor::System).await.unwrap();
    change.add_event(None, named_event(END));
    change.commit().await.unwrap();
    data.flush().await;
}

/// Reads to the end, and sometimes restarts at its cursor, like a consumer after a crash. Returns
/// the sequence numbers and the names.
async fn read(location: &DatabaseLocation) -> (Vec<i64>, Vec<String>) {
    let data = open_data_store(location).await;
    let mut follower = EventReader::since(&data, 0);
    let (mut places, mut names) = (Vec::new(), Vec::<String>::new());
    let begun = Instant::now();
    let mut longest = 30;
    while names.last().is_none_or(|name| name != END) {
        assert!(
            begun.elapsed() < PATIENCE,
            "timed out waiting for the last event"
        );
        let pause = Duration::from_millis(random_range(1..longest));
        // A read that is cancelled must not lose the events that it had begun to read. On a busy
        // machine it needs more time to read any event.
        let Ok(found) = tokio::time::timeout(pause, follower.next()).await else {
            longest += 10;
            continue;
        };
        longest = 30;
        let found = found.unwrap();
        places.extend(found.iter().map(|stored| stored.seq));
        names.extend(found.iter().map(name_of));
        if random_range(0..4) == 0 {
            follower = EventReader::since(&data, follower.cursor());
        }
    }
    (places, names)
}

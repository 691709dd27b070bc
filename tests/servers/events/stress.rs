//! Many writers and readers at once, with open transactions, rollbacks and readers that start again.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use eklavya_core::domain::audit::Actor;
use eklavya_services::Desk;
use eklavya_services::news::Follower;
use eklavya_store::Location;
use eklavya_store::events::{self, Patience};
use rand::random_range;

use super::{PATIENCE, create, desk, event, file, name_of, server};
use crate::postgres::Postgres;

const WRITERS: usize = 6;
const READERS: usize = 3;
/// The last event of all: it is written when everything else is.
const END: &str = "end";

#[test]
fn on_sqlite_every_reader_sees_every_event_once_in_one_order() {
    let directory = tempfile::tempdir().unwrap();
    // Writers wait for each other, so there is little to interleave.
    hold(&file(directory.path()), 15);
}

#[test]
fn on_postgres_every_reader_sees_every_event_once_in_one_order() {
    hold(&server(&Postgres::shared()), 60);
}

/// Runs it in a runtime of its own: nobody shares anything but the database, as processes do.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn hold(location: &Location, changes: usize) {
    run(create(location));
    let (committed, seen) = thread::scope(|scope| {
        let reader = |_| scope.spawn(|| run(read(location)));
        let readers: Vec<_> = (0..READERS).map(reader).collect();
        let writer = |number| scope.spawn(move || run(write(location, number, changes)));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        let committed: Vec<_> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        run(tell_end(location));
        let seen: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
        (committed, seen)
    });
    for (places, names) in &seen {
        let expected: Vec<i64> = (1..).take(places.len()).collect();
        assert_eq!(*places, expected, "places have neither gaps nor repeats");
        assert_eq!(names, &seen[0].1, "all read the same order");
    }
    let names = &seen[0].1;
    let all: BTreeSet<&String> = committed.iter().flatten().collect();
    let read: BTreeSet<&String> = names.iter().filter(|name| *name != END).collect();
    assert_eq!(read, all, "what was committed is what is read");
    assert_eq!(names.len(), all.len() + 1, "and each once");
    for own in &committed {
        let order: Vec<&String> = names.iter().filter(|name| own.contains(name)).collect();
        assert_eq!(
            order,
            own.iter().collect::<Vec<_>>(),
            "a writer's own order"
        );
    }
}

/// Returns the names of the events that were committed, in order.
async fn write(location: &Location, writer: usize, changes: usize) -> Vec<String> {
    let desk = desk(location).await;
    let mut committed = Vec::new();
    for change in 0..changes {
        let name = |number: u32| format!("{writer}.{change}.{number}");
        let names: Vec<String> = (0..random_range(1..4)).map(name).collect();
        if random_range(0..3) == 0 {
            let mut change = desk.change(&Actor::System).await.unwrap();
            for name in &names {
                change.event(None, event(name));
            }
            change.commit().await.unwrap();
            committed.extend(names);
        } else if hesitate(&desk, &names).await {
            committed.extend(names);
        }
    }
    desk.settle().await;
    committed
}

/// Leaves a transaction open for a while with events in it; returns whether it was committed.
/// Sometimes nobody is told, as by a process that dies right after its commit.
async fn hesitate(desk: &Desk, names: &[String]) -> bool {
    let mut tx = desk.store.write().await.unwrap();
    for name in names {
        events::append(&mut tx, None, &event(name), desk.now())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(random_range(0..8))).await;
    }
    if random_range(0..4) == 0 {
        return false;
    }
    tx.commit().await.unwrap();
    if random_range(0..4) > 0 {
        events::place(&desk.store, Patience::Leave).await.unwrap();
    }
    true
}

async fn tell_end(location: &Location) {
    let desk = desk(location).await;
    let mut change = desk.change(&Actor::System).await.unwrap();
    change.event(None, event(END));
    change.commit().await.unwrap();
    desk.settle().await;
}

/// Reads to the end and now and then begins anew where it was, as a consumer that crashes does.
/// Returns the places and the names.
async fn read(location: &Location) -> (Vec<i64>, Vec<String>) {
    let desk = desk(location).await;
    let mut follower = Follower::since(&desk, 0);
    let (mut places, mut names) = (Vec::new(), Vec::<String>::new());
    let begun = Instant::now();
    while names.last().is_none_or(|name| name != END) {
        assert!(begun.elapsed() < PATIENCE, "the end comes to every reader");
        let pause = Duration::from_millis(random_range(1..30));
        // A read that is given up must not lose what it had begun to read.
        let Ok(found) = tokio::time::timeout(pause, follower.next()).await else {
            continue;
        };
        let found = found.unwrap();
        places.extend(found.iter().map(|stored| stored.seq));
        names.extend(found.iter().map(name_of));
        if random_range(0..4) == 0 {
            follower = Follower::since(&desk, follower.cursor());
        }
    }
    (places, names)
}

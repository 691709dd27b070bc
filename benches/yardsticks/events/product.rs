//! Eklavya's side: each change through the desk, as every change of the product goes, and a follower
//! that reads along.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::event::{Event, Level};
use eklavya_services::Desk;
use eklavya_services::news::Follower;
use eklavya_store::{Location, Store};

use super::threads;
use crate::Fault;

/// Opens the database as another process does.
pub async fn desk(location: &Location) -> Result<Desk, Fault> {
    let store = Store::open(location).await?;
    Ok(Desk::new(store, Arc::new(SystemClock)))
}

/// Returns an event of the usual size that says who wrote it.
pub fn event(title: String) -> Event {
    Event::Notification {
        level: Level::Info,
        title,
        message: "Look at them, and approve one or reject them.".to_owned(),
        actions: vec!["eklavya demo list coffee-shop".to_owned()],
    }
}

/// Writes `changes` events, each in a change of its own, and returns how long it took until the last
/// of them was delivered to a follower with connections of its own.
pub fn write_and_deliver(
    location: &Location,
    writers: usize,
    changes: usize,
) -> Result<Duration, Fault> {
    let start = Barrier::new(writers + 1);
    let share = changes / writers;
    threads::together(
        writers,
        |writer| threads::run(write(location, writer, share, &start)),
        || threads::run(deliver(location, share * writers, &start)),
    )
}

async fn write(
    location: &Location,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), Fault> {
    let desk = desk(location).await?;
    // Every connection is there before it counts, as on the other side.
    commit(&desk, "first".to_owned()).await?;
    desk.settle().await;
    ready(start);
    for number in 0..count {
        commit(&desk, format!("{writer}.{number}")).await?;
    }
    desk.settle().await;
    desk.store.close().await;
    Ok(())
}

async fn commit(desk: &Desk, title: String) -> Result<(), Fault> {
    let mut change = desk.change(&Actor::System).await?;
    change.event(None, event(title));
    Ok(change.commit().await?)
}

/// Waits until the writers are there, and then until the follower is.
fn ready(start: &Barrier) {
    start.wait();
    start.wait();
}

async fn deliver(location: &Location, count: usize, start: &Barrier) -> Result<Duration, Fault> {
    let desk = desk(location).await?;
    start.wait();
    let mut follower = Follower::from_now(&desk).await?;
    start.wait();
    let begun = Instant::now();
    let mut seen = 0;
    while seen < count {
        seen += follower.next().await?.len();
    }
    Ok(begun.elapsed())
}

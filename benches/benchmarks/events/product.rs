//! The product: each change is made through the store, and a reader follows the log.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::event::{Event, NotificationLevel};
use eklavya_services::DataStore;
use eklavya_services::event_log::EventReader;
use eklavya_store::{DatabaseLocation, Store};

use super::writers;
use crate::BenchError;

/// Opens the database with new connections, like another process.
pub async fn open_data_store(location: &DatabaseLocation) -> Result<DataStore, BenchError> {
    let store = Store::open(location).await?;
    Ok(DataStore::new(store, Arc::new(SystemClock)))
}

/// Returns an event of the usual size that names its writer.
pub fn sample_event(title: String) -> Event {
    Event::Notification {
        level: NotificationLevel::Info,
        title,
        message: "Look at them, and approve one or reject them.".to_owned(),
        actions: vec!["eklavya demo list coffee-shop".to_owned()],
    }
}

/// Writes `changes` events, each in a separate transaction, and returns how long it took until the
/// last event was delivered to a follower with its own connections.
pub fn write_and_deliver(
    location: &DatabaseLocation,
    writers: usize,
    changes: usize,
) -> Result<Duration, BenchError> {
    let start = Barrier::new(writers + 1);
    let share = changes / writers;
    writers::run_writers(
        writers,
        |writer| writers::block_on(write_events(location, writer, share, &start)),
        || writers::block_on(receive_events(location, share * writers, &start)),
    )
}

async fn write_events(
    location: &DatabaseLocation,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), BenchError> {
    let data = open_data_store(location).await?;
    // Connect before the measurement starts, as the reference does.
    commit(&data, "first".to_owned()).await?;
    data.flush().await;
    wait_at_barrier(start);
    for number in 0..count {
        commit(&data, format!("{writer}.{number}")).await?;
    }
    data.flush().await;
    data.store.close().await;
    Ok(())
}

async fn commit(data: &DataStore, title: String) -> Result<(), BenchError> {
    let mut change = data.begin(&AuditActor::System).await?;
    change.add_event(None, sample_event(title));
    Ok(change.commit().await?)
}

/// Waits until the writers are connected, and then until the follower is.
fn wait_at_barrier(start: &Barrier) {
    start.wait();
    start.wait();
}

async fn receive_events(
    location: &DatabaseLocation,
    count: usize,
    start: &Barrier,
) -> Result<Duration, BenchError> {
    let data = open_data_store(location).await?;
    start.wait();
    let mut follower = EventReader::from_now(&data).await?;
    start.wait();
    let begun = Instant::now();
    let mut seen = 0;
    while seen < count {
        seen += follower.next().await?.len();
    }
    Ok(begun.elapsed())
}

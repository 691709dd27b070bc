//! The event log: every consumer sees every committed event once and in the same order, even if
//! commits overlap, connections are cut or processes are killed.

mod interleaving;
mod outages;
mod stress;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::SystemClock;
use eklavya_core::event::{Event, NotificationLevel, StoredEvent};
use eklavya_services::DataStore;
use eklavya_services::event_log::EventReader;
use eklavya_store::{DatabaseLocation, PostgresServer, Store};

/// The longest wait for events: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn file_location(directory: &Path) -> DatabaseLocation {
    DatabaseLocation::File(directory.join("eklavya.db"))
}

fn server_location(url: &str) -> DatabaseLocation {
    let url = url::Url::parse(url).unwrap();
    DatabaseLocation::Server(Box::new(PostgresServer::new(&url, None).unwrap()))
}

async fn create(location: &DatabaseLocation) {
    Store::create(location).await.unwrap().close().await;
}

/// Returns a data store with its own connections, like another process.
async fn open_data_store(location: &DatabaseLocation) -> DataStore {
    let store = Store::open(location).await.unwrap();
    DataStore::new(store, Arc::new(SystemClock))
}

/// Returns an event with a unique name.
fn named_event(name: &str) -> Event {
    Event::Notification {
        level: NotificationLevel::Info,
        title: name.to_owned(),
        message: String::new(),
        actions: Vec::new(),
    }
}

fn name_of(stored: &StoredEvent) -> String {
    match &stored.event {
        Event::Notification { title, .. } => title.clone(),
        other => panic!("no writer wrote {other:?}"),
    }
}

/// Follows until `count` events were seen; returns their names.
async fn follow_names(follower: &mut EventReader, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    let reading = async {
        while names.len() < count {
            names.extend(follower.next().await.unwrap().iter().map(name_of));
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "{} of {count} events arrived", names.len());
    names
}

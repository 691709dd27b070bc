//! The event log: every consumer sees every committed event once and in the same order, whoever
//! writes, however commits overlap, and whatever is cut or killed meanwhile.

mod interleaving;
mod outages;
mod stress;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::event::{Event, Level, StoredEvent};
use eklavya_services::Desk;
use eklavya_services::news::Follower;
use eklavya_store::{Location, Server, Store};

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn file(directory: &Path) -> Location {
    Location::File(directory.join("eklavya.db"))
}

fn server(url: &str) -> Location {
    let url = url::Url::parse(url).unwrap();
    Location::Server(Box::new(Server::new(&url, None).unwrap()))
}

async fn create(location: &Location) {
    Store::create(location).await.unwrap().close().await;
}

/// Returns a desk with connections of its own, as another process has.
async fn desk(location: &Location) -> Desk {
    let store = Store::open(location).await.unwrap();
    Desk::new(store, Arc::new(SystemClock))
}

/// Returns an event that is told from others by its name.
fn event(name: &str) -> Event {
    Event::Notification {
        level: Level::Info,
        title: name.to_owned(),
        message: String::new(),
        actions: Vec::new(),
    }
}

fn name_of(stored: &StoredEvent) -> String {
    match &stored.event {
        Event::Notification { title, .. } => title.clone(),
        other => panic!("nobody wrote {other:?}"),
    }
}

/// Follows until `count` events were seen; returns their names.
async fn names(follower: &mut Follower, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    let reading = async {
        while names.len() < count {
            names.extend(follower.next().await.unwrap().iter().map(name_of));
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "{} of {count} events came", names.len());
    names
}

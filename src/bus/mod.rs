//! In-process fan-out of news: the database is the truth, the bus only tells that it changed.

use tokio::sync::broadcast;

use crate::domain::event::Event;
use crate::domain::ids::ProjectId;

/// How many pieces of news a slow listener may lag behind before it misses some; it then reads the
/// events table, which has them all.
const CAPACITY: usize = 1024;

/// A piece of news: an event that has been committed.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// The project that it concerns.
    pub project: Option<ProjectId>,
    /// What happened.
    pub event: Event,
}

/// Tells listeners of this process what was committed.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<News>);

impl Bus {
    /// Returns a bus that nobody listens to yet.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Tells every listener; without one the news is dropped.
    pub fn publish(&self, news: News) {
        let _ = self.0.send(news);
    }

    /// Returns a listener that hears what is published from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

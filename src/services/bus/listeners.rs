//! News of what was committed, and those who listen.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use eklavya_core::event::Event;
use eklavya_core::ids::ProjectId;

/// How many pieces of news a slow listener may lag behind before it misses some.
const CAPACITY: usize = 1024;

/// A piece of news: an event that has been committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusEvent {
    /// The project that it concerns.
    pub project: Option<ProjectId>,
    /// What happened.
    pub event: Event,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum BusSignal {
    /// A piece of news.
    Event(BusEvent),
    /// Some may have been missed: the events table has them all.
    Gap,
}

/// Hears what is told from now on.
#[derive(Debug)]
pub struct BusListener(broadcast::Receiver<BusSignal>);

impl BusListener {
    /// Waits for the next; nothing where nobody can tell anything any more. It may be cancelled.
    pub async fn next(&mut self) -> Option<BusSignal> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(RecvError::Lagged(_)) => Some(BusSignal::Gap),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The listeners of this process.
#[derive(Debug, Clone)]
pub(crate) struct Listeners(broadcast::Sender<BusSignal>);

impl Listeners {
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Tells every listener; without one it is dropped.
    pub fn notify(&self, heard: BusSignal) {
        let _ = self.0.send(heard);
    }

    pub fn subscribe(&self) -> BusListener {
        BusListener(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(progress: u32) -> BusEvent {
        let project = ProjectId::random();
        BusEvent {
            project: Some(project),
            event: Event::ProjectStatus {
                project_id: project,
                status: "building".into(),
                progress,
            },
        }
    }

    #[tokio::test]
    async fn a_slow_listener_receives_a_gap() {
        let ears = Listeners::new();
        let (mut slow, count) = (ears.subscribe(), u32::try_from(CAPACITY).unwrap() + 10);
        for progress in 0..count {
            ears.notify(BusSignal::Event(news(progress)));
        }
        assert_eq!(slow.next().await, Some(BusSignal::Gap));
        let Some(BusSignal::Event(next)) = slow.next().await else {
            panic!("what is still there is heard");
        };
        assert!(matches!(
            next.event,
            Event::ProjectStatus { progress: 10, .. }
        ));
        drop(ears);
        while let Some(heard) = slow.next().await {
            assert!(matches!(heard, BusSignal::Event(_)));
        }
    }

    #[test]
    fn bus_events_survive_serialization() {
        let told = news(3);
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<BusEvent>(&text).unwrap(), told);
    }
}

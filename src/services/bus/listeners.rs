//! Events of committed changes, and their listeners in this process.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use eklavya_core::event::Event;
use eklavya_core::ids::ProjectId;

/// How many events a slow listener may lag behind before it misses some.
const CAPACITY: usize = 1024;

/// A committed event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusEvent {
    pub project: Option<ProjectId>,
    pub event: Event,
}

/// What a listener receives.
#[derive(Debug, Clone, PartialEq)]
pub enum BusSignal {
    Event(BusEvent),
    /// Events may have been missed; the events table has them all.
    Gap,
}

/// Receives the signals from now on.
#[derive(Debug)]
pub struct BusListener(broadcast::Receiver<BusSignal>);

impl BusListener {
    /// Waits for the next signal; `None` if no sender is left. It may be cancelled.
    pub async fn next(&mut self) -> Option<BusSignal> {
        match self.0.recv().await {
            Ok(signal) => Some(signal),
            Err(RecvError::Lagged(_)) => Some(BusSignal::Gap),
            Err(RecvError::Closed) => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Listeners(broadcast::Sender<BusSignal>);

impl Listeners {
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Notifies every listener. Without listeners, the signal is dropped.
    pub fn notify(&self, signal: BusSignal) {
        let _ = self.0.send(signal);
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
        let listeners = Listeners::new();
        let (mut slow, count) = (listeners.subscribe(), u32::try_from(CAPACITY).unwrap() + 10);
        for progress in 0..count {
            listeners.notify(BusSignal::Event(news(progress)));
        }
        assert_eq!(slow.next().await, Some(BusSignal::Gap));
        let Some(BusSignal::Event(next)) = slow.next().await else {
            panic!("the remaining events arrive");
        };
        assert!(matches!(
            next.event,
            Event::ProjectStatus { progress: 10, .. }
        ));
        drop(listeners);
        while let Some(signal) = slow.next().await {
            assert!(matches!(signal, BusSignal::Event(_)));
        }
    }

    #[test]
    fn bus_events_survive_serialization() {
        let event = news(3);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<BusEvent>(&text).unwrap(), event);
    }
}

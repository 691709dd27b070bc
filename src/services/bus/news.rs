//! News of what was committed, and those who listen.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use eklavya_core::domain::event::Event;
use eklavya_core::domain::ids::ProjectId;

/// How many pieces of news a slow listener may lag behind before it misses some.
const CAPACITY: usize = 1024;

/// A piece of news: an event that has been committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// The project that it concerns.
    pub project: Option<ProjectId>,
    /// What happened.
    pub event: Event,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A piece of news.
    News(News),
    /// Some may have been missed: the events table has them all.
    Gap,
}

/// Hears what is told from now on.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Heard>);

impl Listener {
    /// Waits for the next; nothing where nobody can tell anything any more. It may be cancelled.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(RecvError::Lagged(_)) => Some(Heard::Gap),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The listeners of this process.
#[derive(Debug, Clone)]
pub(super) struct Ears(broadcast::Sender<Heard>);

impl Ears {
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Tells every listener; without one it is dropped.
    pub fn tell(&self, heard: Heard) {
        let _ = self.0.send(heard);
    }

    pub fn listener(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(progress: u32) -> News {
        let project = ProjectId::random();
        News {
            project: Some(project),
            event: Event::ProjectStatus {
                project_id: project,
                status: "building".into(),
                progress,
            },
        }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_that_it_missed_some() {
        let ears = Ears::new();
        let (mut slow, count) = (ears.listener(), u32::try_from(CAPACITY).unwrap() + 10);
        for progress in 0..count {
            ears.tell(Heard::News(news(progress)));
        }
        assert_eq!(slow.next().await, Some(Heard::Gap));
        let Some(Heard::News(next)) = slow.next().await else {
            panic!("what is still there is heard");
        };
        assert!(matches!(
            next.event,
            Event::ProjectStatus { progress: 10, .. }
        ));
        drop(ears);
        while let Some(heard) = slow.next().await {
            assert!(matches!(heard, Heard::News(_)));
        }
    }

    #[test]
    fn news_survive_the_wire() {
        let told = news(3);
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<News>(&text).unwrap(), told);
    }
}

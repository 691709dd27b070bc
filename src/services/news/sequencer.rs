//! Gives committed events their places, in the background: one round trip for as many commits as
//! there were since the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use eklavya_store::events::{Patience, Placer};
use eklavya_store::{Dialect, Store, StoreError};

/// The pause after a round during which more was committed. It grows, up to the longest, while that
/// goes on: a busy process gives places by the batch, which leaves the database to the writers.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The sequencer of this process.
///
/// Nothing depends on its success: whoever follows the log gives places too, from time to time.
#[derive(Debug, Clone)]
pub(crate) struct Sequencer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    /// Rises with every call of [`Sequencer::wake`].
    asked: AtomicU64,
    /// Up to which call a round was made.
    done: watch::Sender<u64>,
    running: AtomicBool,
}

impl Sequencer {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            store,
            asked: AtomicU64::new(0),
            done: watch::Sender::new(0),
            running: AtomicBool::new(false),
        }))
    }

    /// Sees to it that what was committed gets its place soon. Must be called within the runtime.
    pub fn wake(&self) {
        // Where there is one writer, events have their places from the start.
        if self.0.store.dialect() == Dialect::Sqlite {
            return;
        }
        self.0.asked.fetch_add(1, SeqCst);
        if !self.0.running.swap(true, SeqCst) {
            tokio::spawn(self.clone().run());
        }
    }

    /// Waits until all that [`Sequencer::wake`] was called for was tried.
    pub async fn settle(&self) {
        let asked = self.0.asked.load(SeqCst);
        let mut done = self.0.done.subscribe();
        // The sender is our own.
        let _ = done.wait_for(|done| *done >= asked).await;
    }

    async fn run(self) {
        loop {
            if let Err(error) = self.work().await {
                tracing::warn!(%error, "events have no place yet; who reads them gives them one");
                self.0.done.send_replace(self.0.asked.load(SeqCst));
            }
            let asked = *self.0.done.borrow();
            self.0.running.store(false, SeqCst);
            // Somebody may have called between the two and seen us running.
            let idle = asked == self.0.asked.load(SeqCst);
            if idle || self.0.running.swap(true, SeqCst) {
                return;
            }
        }
    }

    /// Makes rounds until nobody asks for another.
    async fn work(&self) -> Result<(), StoreError> {
        let mut placer = Placer::new(&self.0.store).await?;
        let mut pause = PAUSE;
        loop {
            let asked = self.0.asked.load(SeqCst);
            placer.place(Patience::Leave).await?;
            self.0.done.send_replace(asked);
            if asked == self.0.asked.load(SeqCst) {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

//! Gives committed events their places, in the background: one round trip for as many commits as
//! there were since the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use eklavya_core::backoff::Backoff;
use eklavya_store::events::{LockMode, SequencerConnection};
use eklavya_store::{SqlDialect, Store, StoreError};

/// The pause after a round during which more was committed. It grows, up to the longest, while that
/// goes on: a busy process gives places by the batch, which leaves the database to the writers.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The sequencer of this process.
///
/// Nothing depends on its success: whoever follows the log gives places too, from time to time.
#[derive(Debug, Clone)]
pub(crate) struct EventSequencer(Arc<SequencerState>);

#[derive(Debug)]
struct SequencerState {
    store: Store,
    /// Rises with every call of [`Sequencer::wake`].
    requested: AtomicU64,
    /// Up to which call a round was made.
    completed: watch::Sender<u64>,
    running: AtomicBool,
}

impl EventSequencer {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(SequencerState {
            store,
            requested: AtomicU64::new(0),
            completed: watch::Sender::new(0),
            running: AtomicBool::new(false),
        }))
    }

    /// Sees to it that what was committed gets its place soon. Must be called within the runtime.
    pub fn wake(&self) {
        // Where there is one writer, events have their places from the start.
        if self.0.store.dialect() == SqlDialect::Sqlite {
            return;
        }
        self.0.requested.fetch_add(1, SeqCst);
        if !self.0.running.swap(true, SeqCst) {
            tokio::spawn(self.clone().run());
        }
    }

    /// Waits until all that [`Sequencer::wake`] was called for was tried.
    pub async fn flush(&self) {
        let asked = self.0.requested.load(SeqCst);
        let mut done = self.0.completed.subscribe();
        // The sender is our own.
        let _ = done.wait_for(|done| *done >= asked).await;
    }

    async fn run(self) {
        loop {
            if let Err(error) = self.run_rounds().await {
                tracing::warn!(%error, "events have no place yet; who reads them gives them one");
                self.0.completed.send_replace(self.0.requested.load(SeqCst));
            }
            let asked = *self.0.completed.borrow();
            self.0.running.store(false, SeqCst);
            // Somebody may have called between the two and seen us running.
            let idle = asked == self.0.requested.load(SeqCst);
            if idle || self.0.running.swap(true, SeqCst) {
                return;
            }
        }
    }

    /// Makes rounds until nobody asks for another.
    async fn run_rounds(&self) -> Result<(), StoreError> {
        let mut placer = SequencerConnection::open(&self.0.store).await?;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let asked = self.0.requested.load(SeqCst);
            placer.sequence_events(LockMode::Skip).await?;
            self.0.completed.send_replace(asked);
            if asked == self.0.requested.load(SeqCst) {
                return Ok(());
            }
            backoff.wait().await;
        }
    }
}

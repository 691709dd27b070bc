//! Assigns sequence numbers to committed events in the background: one round trip for all commits
//! since the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use eklavya_core::backoff::Backoff;
use eklavya_store::events::{LockMode, SequencerConnection};
use eklavya_store::{SqlDialect, Store, StoreError};

/// The pauses between rounds while more is committed: a busy process assigns numbers in batches,
/// which leaves the database to the writers.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The sequencer of this process.
///
/// Nothing depends on its success: readers of the log also assign numbers from time to time.
#[derive(Debug, Clone)]
pub(crate) struct EventSequencer(Arc<SequencerState>);

#[derive(Debug)]
struct SequencerState {
    store: Store,
    /// Incremented by each call of [`EventSequencer::wake`].
    requested: AtomicU64,
    /// The call up to which a round was completed.
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

    /// Makes the sequencer run soon. Must be called within the runtime.
    pub fn wake(&self) {
        // With one writer, events have their numbers from the start.
        if self.0.store.dialect() == SqlDialect::Sqlite {
            return;
        }
        self.0.requested.fetch_add(1, SeqCst);
        if !self.0.running.swap(true, SeqCst) {
            tokio::spawn(self.clone().run());
        }
    }

    /// Waits until a round was attempted for each earlier call of [`EventSequencer::wake`].
    pub async fn flush(&self) {
        let requested = self.0.requested.load(SeqCst);
        let mut done = self.0.completed.subscribe();
        // This object owns the sender.
        let _ = done.wait_for(|done| *done >= requested).await;
    }

    async fn run(self) {
        loop {
            if let Err(error) = self.run_rounds().await {
                tracing::warn!(%error, "cannot sequence events; the next reader will");
                self.0.completed.send_replace(self.0.requested.load(SeqCst));
            }
            let requested = *self.0.completed.borrow();
            self.0.running.store(false, SeqCst);
            // A call may have seen `running` before it was reset.
            let idle = requested == self.0.requested.load(SeqCst);
            if idle || self.0.running.swap(true, SeqCst) {
                return;
            }
        }
    }

    /// Makes rounds until there are no new calls.
    async fn run_rounds(&self) -> Result<(), StoreError> {
        let mut connection = SequencerConnection::open(&self.0.store).await?;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let requested = self.0.requested.load(SeqCst);
            connection.sequence_events(LockMode::Skip).await?;
            self.0.completed.send_replace(requested);
            if requested == self.0.requested.load(SeqCst) {
                return Ok(());
            }
            backoff.wait().await;
        }
    }
}

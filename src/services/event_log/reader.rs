//! Reads the log as it grows.

use std::time::Duration;

use tokio::sync::watch;

use crate::DataStore;
use eklavya_core::backoff::Backoff;
use eklavya_core::event::StoredEvent;
use eklavya_core::ids::ProjectId;
use eklavya_store::events::{self, LockMode};
use eklavya_store::{Store, StoreError};

/// Events per query.
const BATCH: u32 = 500;
/// The pauses after failures.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

/// Reads the events after a sequence number, and waits for more.
#[derive(Debug)]
pub struct EventReader {
    store: Store,
    project: Option<ProjectId>,
    cursor: i64,
    newest: watch::Receiver<i64>,
    backoff: LoggedBackoff,
}

impl EventReader {
    /// Returns a reader of the events after `since`; 0 is before the first event. Must be called
    /// within the runtime.
    pub fn since(data: &DataStore, since: i64) -> Self {
        Self {
            store: data.store.clone(),
            project: None,
            cursor: since,
            newest: data.notifier.subscribe(),
            backoff: LoggedBackoff::new("reading events"),
        }
    }

    /// Returns a reader of the events that are committed from now on.
    pub async fn from_now(data: &DataStore) -> Result<Self, StoreError> {
        events::sequence_events(&data.store, LockMode::Wait).await?;
        let newest = events::newest_seq(&mut data.begin_read().await?).await?;
        Ok(Self::since(data, newest))
    }

    /// Limits the reader to the events of `project`.
    pub fn for_project(mut self, project: ProjectId) -> Self {
        self.project = Some(project);
        self
    }

    /// Returns the sequence number up to which all events were returned: a reader that continues
    /// after it misses nothing and repeats nothing.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits for events and returns at least one, in order. It may be cancelled. While the database
    /// is unavailable, it waits.
    ///
    /// # Errors
    /// Any other failure of the database; it may be called again then.
    pub async fn next(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        loop {
            let newest = *self.newest.borrow_and_update();
            if newest <= self.cursor {
                // The sender lives as long as its task, which lives as long as this reader.
                if self.newest.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            match self.read_batch(newest).await {
                Ok(found) if found.is_empty() => self.backoff.reset(),
                Err(error) if error.is_unavailable() => self.backoff.pause(&error).await,
                other => {
                    self.backoff.reset();
                    return other;
                }
            }
        }
    }

    /// Reads the next batch; all events up to `newest` are sequenced.
    async fn read_batch(&mut self, newest: i64) -> Result<Vec<StoredEvent>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let found = events::read_after(&mut tx, self.project, self.cursor, BATCH).await?;
        let all = found.len() < BATCH as usize;
        let last = found.last().map_or(self.cursor, |event| event.seq);
        // The events between belong to other projects.
        self.cursor = if all { last.max(newest) } else { last };
        Ok(found)
    }
}

/// A backoff that logs one warning when the database becomes unavailable, and its return.
#[derive(Debug)]
pub(crate) struct LoggedBackoff {
    what: &'static str,
    backoff: Backoff,
}

impl LoggedBackoff {
    pub fn new(what: &'static str) -> Self {
        let backoff = PAUSES;
        Self { what, backoff }
    }

    pub async fn pause(&mut self, error: &StoreError) {
        if self.backoff.failures() == 0 {
            tracing::warn!(%error, "{} is waiting for the database", self.what);
        }
        self.backoff.wait().await;
    }

    pub fn reset(&mut self) {
        if self.backoff.reset() {
            tracing::info!("{} continues", self.what);
        }
    }
}

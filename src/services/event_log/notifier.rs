//! Tracks the newest sequence number for all readers of this process: one connection listens for
//! all of them, and none if there are no readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::Bus;
use crate::event_log::reader::LoggedBackoff;
use eklavya_store::events::{self, LockMode};
use eklavya_store::listener::DatabaseListener;
use eklavya_store::{SqlDialect, Store, StoreError};

/// The polling interval, in case of events that a dead process did not sequence, or a connection
/// that is dead without an error.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Notifies the readers of this process of the newest sequence number.
#[derive(Debug, Clone)]
pub(crate) struct EventNotifier(Arc<NotifierState>);

#[derive(Debug)]
struct NotifierState {
    store: Store,
    bus: Bus,
    newest: watch::Sender<i64>,
    running: AtomicBool,
}

impl EventNotifier {
    pub fn new(store: Store, bus: Bus) -> Self {
        Self(Arc::new(NotifierState {
            store,
            bus,
            newest: watch::Sender::new(0),
            running: AtomicBool::new(false),
        }))
    }

    /// Returns the newest sequence number, which is updated until the receiver is dropped. Must be
    /// called within the runtime.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        let receiver = self.0.newest.subscribe();
        if !self.0.running.swap(true, SeqCst) {
            tokio::spawn(self.clone().run());
        }
        receiver
    }

    async fn run(self) {
        loop {
            tokio::select! {
                () = self.listen_to_database() => {}
                () = self.listen_to_bus() => {}
                () = self.poll() => {}
                () = self.0.newest.closed() => {}
            }
            self.0.running.store(false, SeqCst);
            // A new reader may have seen `running` before it was reset.
            if self.0.newest.receiver_count() == 0 || self.0.running.swap(true, SeqCst) {
                return;
            }
        }
    }

    /// Listens to the database, and retries after a pause if it is unavailable.
    async fn listen_to_database(&self) {
        let mut backoff = LoggedBackoff::new("listening to events");
        loop {
            if let Err(error) = self.listen_until_error(&mut backoff).await {
                backoff.pause(&error).await;
            }
        }
    }

    async fn listen_until_error(&self, backoff: &mut LoggedBackoff) -> Result<(), StoreError> {
        let mut listener = DatabaseListener::open(&self.0.store).await?;
        // Earlier events are not reported.
        self.sequence_and_refresh().await?;
        backoff.reset();
        loop {
            match listener.wait_for_events().await? {
                Some(newest) => self.advance_to(newest),
                None => self.refresh().await?,
            }
        }
    }

    /// Listens to the bus if an event has its sequence number before the bus announces it. With
    /// many writers the number comes later, and the database notifies.
    async fn listen_to_bus(&self) {
        if self.0.store.dialect() == SqlDialect::Postgres {
            return std::future::pending().await;
        }
        let mut news = self.0.bus.subscribe();
        while news.next().await.is_some() {
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "cannot read the newest event");
            }
        }
        // No sender is left.
        std::future::pending::<()>().await;
    }

    async fn poll(&self) {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            if let Err(error) = self.sequence_and_refresh().await {
                tracing::debug!(%error, "cannot read the newest event");
            }
        }
    }

    async fn sequence_and_refresh(&self) -> Result<(), StoreError> {
        events::sequence_events(&self.0.store, LockMode::Wait).await?;
        self.refresh().await
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let newest = events::newest_seq(&mut self.0.store.begin_read().await?).await?;
        self.advance_to(newest);
        Ok(())
    }

    fn advance_to(&self, newest: i64) {
        self.0.newest.send_if_modified(|known| {
            let rises = newest > *known;
            *known = newest.max(*known);
            rises
        });
    }
}

//! Knows the place of the newest event, for all followers of this process: one connection listens,
//! however many they are, and none does where nobody follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::Bus;
use crate::event_log::reader::LoggedBackoff;
use eklavya_store::events::{self, LockMode};
use eklavya_store::listener::DatabaseListener;
use eklavya_store::{SqlDialect, Store, StoreError};

/// How often it looks without having heard anything: what a process that died could not give a
/// place gets one, and a connection that is dead without telling stops nobody.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the followers of this process how far the log goes.
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

    /// Returns the place of the newest event, which rises until the receiver is dropped. Must be
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
            // Somebody may have come between the two and seen us running.
            if self.0.newest.receiver_count() == 0 || self.0.running.swap(true, SeqCst) {
                return;
            }
        }
    }

    /// Listens to the database, and again after a pause where it went away.
    async fn listen_to_database(&self) {
        let mut retries = LoggedBackoff::new("the listening to events");
        loop {
            if let Err(error) = self.listen_until_error(&mut retries).await {
                retries.pause(&error).await;
            }
        }
    }

    async fn listen_until_error(&self, retries: &mut LoggedBackoff) -> Result<(), StoreError> {
        let mut listener = DatabaseListener::open(&self.0.store).await?;
        // What happened before is not told.
        self.sequence_and_refresh().await?;
        retries.reset();
        loop {
            match listener.wait_for_events().await? {
                Some(newest) => self.advance_to(newest),
                None => self.refresh().await?,
            }
        }
    }

    /// Listens to the bus, where its news come after their places: with many writers a place comes
    /// later, and the database tells.
    async fn listen_to_bus(&self) {
        if self.0.store.dialect() == SqlDialect::Postgres {
            return std::future::pending().await;
        }
        let mut news = self.0.bus.subscribe();
        while news.next().await.is_some() {
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "the newest event cannot be seen");
            }
        }
        // Nobody tells anything any more.
        std::future::pending::<()>().await;
    }

    async fn poll(&self) {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            if let Err(error) = self.sequence_and_refresh().await {
                tracing::debug!(%error, "the newest event cannot be seen");
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

//! Knows the place of the newest event, for all followers of this process: one connection listens,
//! however many they are, and none does where nobody follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;

use super::follower::Retries;
use crate::bus::Bus;
use eklavya_store::events::{self, Patience};
use eklavya_store::listener::Listener;
use eklavya_store::{Dialect, Store, StoreError};

/// How often it looks without having heard anything: what a process that died could not give a
/// place gets one, and a connection that is dead without telling stops nobody.
const ROUND: Duration = Duration::from_secs(1);

/// Tells the followers of this process how far the log goes.
#[derive(Debug, Clone)]
pub(crate) struct Herald(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    bus: Bus,
    newest: watch::Sender<i64>,
    running: AtomicBool,
}

impl Herald {
    pub fn new(store: Store, bus: Bus) -> Self {
        Self(Arc::new(Inner {
            store,
            bus,
            newest: watch::Sender::new(0),
            running: AtomicBool::new(false),
        }))
    }

    /// Returns the place of the newest event, which rises until the receiver is dropped. Must be
    /// called within the runtime.
    pub fn listen(&self) -> watch::Receiver<i64> {
        let receiver = self.0.newest.subscribe();
        if !self.0.running.swap(true, SeqCst) {
            tokio::spawn(self.clone().run());
        }
        receiver
    }

    async fn run(self) {
        loop {
            tokio::select! {
                () = self.hear() => {}
                () = self.hear_bus() => {}
                () = self.look_regularly() => {}
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
    async fn hear(&self) {
        let mut retries = Retries::new("the listening to events");
        loop {
            if let Err(error) = self.listen_once(&mut retries).await {
                retries.pause(&error).await;
            }
        }
    }

    async fn listen_once(&self, retries: &mut Retries) -> Result<(), StoreError> {
        let mut listener = Listener::open(&self.0.store).await?;
        // What happened before is not told.
        self.place_and_look().await?;
        retries.succeeded();
        loop {
            match listener.heard().await? {
                Some(newest) => self.rise(newest),
                None => self.look().await?,
            }
        }
    }

    /// Listens to the bus, where its news come after their places: with many writers a place comes
    /// later, and the database tells.
    async fn hear_bus(&self) {
        if self.0.store.dialect() == Dialect::Postgres {
            return std::future::pending().await;
        }
        let mut news = self.0.bus.subscribe();
        while news.next().await.is_some() {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "the newest event cannot be seen");
            }
        }
        // Nobody tells anything any more.
        std::future::pending::<()>().await;
    }

    async fn look_regularly(&self) {
        loop {
            tokio::time::sleep(ROUND).await;
            if let Err(error) = self.place_and_look().await {
                tracing::debug!(%error, "the newest event cannot be seen");
            }
        }
    }

    async fn place_and_look(&self) -> Result<(), StoreError> {
        events::place(&self.0.store, Patience::Wait).await?;
        self.look().await
    }

    async fn look(&self) -> Result<(), StoreError> {
        let newest = events::newest(&mut self.0.store.read().await?).await?;
        self.rise(newest);
        Ok(())
    }

    fn rise(&self, newest: i64) {
        self.0.newest.send_if_modified(|known| {
            let rises = newest > *known;
            *known = newest.max(*known);
            rises
        });
    }
}

//! Where changes are written: the database, the clock and the bus, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::ServiceError;
use super::news::{Herald, Sequencer};
use crate::bus::{Bus, News};
use eklavya_core::clock::SharedClock;
use eklavya_core::domain::audit::{Actor, AuditEntry, Cleaner};
use eklavya_core::domain::event::Event;
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_core::domain::lease::Tenure;
use eklavya_core::domain::redactor::Redactor;
use eklavya_store::{Store, StoreError, Tx, audit, events, leases};

/// The longest that a process waits at its end until others have heard of what it did.
const SETTLING: Duration = Duration::from_secs(2);

/// The store, the clock and the bus.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The truth.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// The news.
    pub bus: Bus,
    pub(super) sequencer: Sequencer,
    pub(super) herald: Herald,
    tenure: Option<Arc<Tenure>>,
    /// Keeps secrets out of the audit trail, and out of all else that is written down.
    pub cleaner: Cleaner,
}

impl Desk {
    /// Returns a desk over an open store, with a bus inside this process.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self::with_bus(store, clock, Bus::in_process())
    }

    /// Returns a desk over an open store and a bus.
    pub fn with_bus(store: Store, clock: SharedClock, bus: Bus) -> Self {
        Self {
            sequencer: Sequencer::new(store.clone()),
            herald: Herald::new(store.clone(), bus.clone()),
            store,
            clock,
            bus,
            tenure: None,
            cleaner: Cleaner::default(),
        }
    }

    /// Returns the desk whose audit trail and events never show what `redactor` hides.
    pub fn hiding(self, redactor: Redactor) -> Self {
        Self {
            cleaner: Cleaner::new(redactor),
            ..self
        }
    }

    /// Returns what hides the secrets of this process.
    pub fn redactor(&self) -> &Redactor {
        self.cleaner.redactor()
    }

    /// Returns the same desk for a worker: whatever is changed there counts only while the tenure
    /// holds its lease.
    pub fn fenced(&self, tenure: Tenure) -> Self {
        Self {
            tenure: Some(Arc::new(tenure)),
            ..self.clone()
        }
    }

    /// Returns the tenure that changes are made under, where there is one.
    pub fn tenure(&self) -> Option<&Tenure> {
        self.tenure.as_deref()
    }

    /// Returns the present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a transaction that sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        self.store.read().await
    }

    /// Gives every event that was committed its place, so that who reads the log next has them all.
    pub async fn place_events(&self) -> Result<(), StoreError> {
        let placed = events::place(&self.store, events::Patience::Wait).await;
        placed.map(|_| ())
    }

    /// Waits, not for long, until this process has nothing more to do for what it has committed. A
    /// process that ends without it loses nothing; others hear of it up to a second later.
    pub async fn settle(&self) {
        // A server that has ceased to answer keeps nobody from ending.
        let _ = tokio::time::timeout(SETTLING, self.sequencer.settle()).await;
    }

    /// Starts a change on behalf of `actor`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] at a fenced desk whose tenure has ended.
    pub async fn change(&self, actor: &Actor) -> Result<Change, StoreError> {
        let mut tx = self.store.write().await?;
        if let Some(tenure) = &self.tenure {
            // In the same transaction: nobody can take the lease over before it ends.
            leases::check(&mut tx, tenure).await?;
        }
        let now = self.clock.now();
        Ok(Change {
            tx,
            now,
            actor: actor.clone(),
            bus: self.bus.clone(),
            sequencer: self.sequencer.clone(),
            cleaner: self.cleaner.clone(),
            events: Vec::new(),
            audit: Vec::new(),
        })
    }
}

/// A transaction together with the events and audit rows that belong to it.
#[derive(Debug)]
pub struct Change {
    /// The transaction.
    pub tx: Tx,
    /// The moment of the change.
    pub now: Timestamp,
    actor: Actor,
    bus: Bus,
    sequencer: Sequencer,
    cleaner: Cleaner,
    events: Vec<News>,
    audit: Vec<AuditEntry>,
}

impl Change {
    /// Adds an event, without secrets; listeners hear of it once the change is committed.
    pub fn event(&mut self, project: Option<ProjectId>, event: Event) {
        let event = self.cleaner.redactor().rewritten(event);
        self.events.push(News { project, event });
    }

    /// Adds a line to the audit trail, without secrets and with digests of large values.
    pub fn audit(
        &mut self,
        about: (Option<ProjectId>, Option<AgentId>),
        action: &str,
        details: Value,
    ) {
        self.audit.push(AuditEntry {
            project: about.0,
            agent: about.1,
            actor: self.actor.clone(),
            action: action.to_owned(),
            details: self.cleaner.details(details),
        });
    }

    /// Makes the change durable, with its events and audit rows, and tells the listeners.
    ///
    /// The rows come last: they have an order among all writers, and who has taken a place in it
    /// makes the others wait until the change is durable.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        for news in &self.events {
            events::append(&mut self.tx, news.project, &news.event, self.now).await?;
        }
        // Behind the events, which wait for nobody; boxed, since the future of every change holds it.
        Box::pin(audit::append(&mut self.tx, &self.audit, self.now)).await?;
        self.tx.commit().await?;
        if !self.events.is_empty() {
            self.sequencer.wake();
        }
        self.bus.publish(self.events).await;
        Ok(())
    }
}

/// Turns a compare-and-swap that lost into an error that names what was changed.
pub(super) fn won(swapped: bool, name: impl FnOnce() -> String) -> Result<(), ServiceError> {
    if swapped {
        Ok(())
    } else {
        Err(ServiceError::Changed(name()))
    }
}

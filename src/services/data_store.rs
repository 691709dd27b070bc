//! Where changes are written: the database, the clock and the bus, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::ServiceError;
use crate::bus::{Bus, BusEvent};
use crate::event_log::{EventNotifier, EventSequencer};
use eklavya_core::audit::{AuditActor, AuditEntry, AuditSanitizer};
use eklavya_core::backoff::Backoff;
use eklavya_core::clock::SharedClock;
use eklavya_core::event::Event;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::lease::HeldLease;
use eklavya_core::redactor::Redactor;
use eklavya_store::{SqlTransaction, Store, StoreError, audit, events, leases};

/// The longest that a process waits at its end until others have heard of what it did.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// The pauses between attempts of a write that must not be lost while the database is unavailable.
pub const STORE_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The store, the clock and the bus.
#[derive(Debug, Clone)]
pub struct DataStore {
    /// The truth.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// The news.
    pub bus: Bus,
    pub(crate) sequencer: EventSequencer,
    pub(crate) notifier: EventNotifier,
    held_lease: Option<Arc<HeldLease>>,
    /// Keeps secrets out of the audit trail, and out of all else that is written down.
    pub cleaner: AuditSanitizer,
}

impl DataStore {
    /// Returns a desk over an open store, with a bus inside this process.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self::with_bus(store, clock, Bus::in_process())
    }

    /// Returns a desk over an open store and a bus.
    pub fn with_bus(store: Store, clock: SharedClock, bus: Bus) -> Self {
        Self {
            sequencer: EventSequencer::new(store.clone()),
            notifier: EventNotifier::new(store.clone(), bus.clone()),
            store,
            clock,
            bus,
            held_lease: None,
            cleaner: AuditSanitizer::default(),
        }
    }

    /// Returns the desk whose audit trail and events never show what `redactor` hides.
    pub fn with_redactor(self, redactor: Redactor) -> Self {
        Self {
            cleaner: AuditSanitizer::new(redactor),
            ..self
        }
    }

    /// Returns what hides the secrets of this process.
    pub fn redactor(&self) -> &Redactor {
        self.cleaner.redactor()
    }

    /// Returns the same desk for a worker: whatever is changed there counts only while the tenure
    /// holds its lease.
    pub fn fenced(&self, tenure: HeldLease) -> Self {
        Self {
            held_lease: Some(Arc::new(tenure)),
            ..self.clone()
        }
    }

    /// Returns the tenure that changes are made under, where there is one.
    pub fn held_lease(&self) -> Option<&HeldLease> {
        self.held_lease.as_deref()
    }

    /// Returns the present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a transaction that sees one state of the database throughout.
    pub async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        self.store.begin_read().await
    }

    /// Gives every event that was committed its place, so that who reads the log next has them all.
    pub async fn sequence_events(&self) -> Result<(), StoreError> {
        let placed = events::sequence_events(&self.store, events::LockMode::Wait).await;
        placed.map(|_| ())
    }

    /// Waits, not for long, until this process has nothing more to do for what it has committed. A
    /// process that ends without it loses nothing; others hear of it up to a second later.
    pub async fn flush(&self) {
        // A server that has ceased to answer keeps nobody from ending.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, self.sequencer.flush()).await;
    }

    /// Starts a change on behalf of `actor`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] at a fenced desk whose tenure has ended.
    pub async fn begin(&self, actor: &AuditActor) -> Result<Transaction, StoreError> {
        let mut tx = self.store.begin_write().await?;
        if let Some(tenure) = &self.held_lease {
            // In the same transaction: nobody can take the lease over before it ends.
            leases::ensure_held(&mut tx, tenure).await?;
        }
        let now = self.clock.now();
        Ok(Transaction {
            sql: tx,
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
pub struct Transaction {
    /// The transaction.
    pub sql: SqlTransaction,
    /// The moment of the change.
    pub now: Timestamp,
    actor: AuditActor,
    bus: Bus,
    sequencer: EventSequencer,
    cleaner: AuditSanitizer,
    events: Vec<BusEvent>,
    audit: Vec<AuditEntry>,
}

impl Transaction {
    /// Adds an event, without secrets; listeners hear of it once the change is committed.
    pub fn add_event(&mut self, project: Option<ProjectId>, event: Event) {
        let event = self.cleaner.redactor().redact_typed(event);
        self.events.push(BusEvent { project, event });
    }

    /// Adds a line to the audit trail, without secrets and with digests of large values.
    pub fn add_audit(
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
            details: self.cleaner.sanitize_details(details),
        });
    }

    /// Makes the change durable, with its events and audit rows, and tells the listeners.
    ///
    /// The rows come last: they have an order among all writers, and who has taken a place in it
    /// makes the others wait until the change is durable.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        for news in &self.events {
            events::append(&mut self.sql, news.project, &news.event, self.now).await?;
        }
        // Behind the events, which wait for nobody; boxed, since the future of every change holds it.
        Box::pin(audit::append(&mut self.sql, &self.audit, self.now)).await?;
        self.sql.commit().await?;
        if !self.events.is_empty() {
            self.sequencer.wake();
        }
        self.bus.publish(self.events).await;
        Ok(())
    }
}

/// Turns a compare-and-swap that lost into an error that names what was changed.
pub(crate) fn require_swapped(
    swapped: bool,
    name: impl FnOnce() -> String,
) -> Result<(), ServiceError> {
    if swapped {
        Ok(())
    } else {
        Err(ServiceError::Conflict(name()))
    }
}

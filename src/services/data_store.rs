//! Access to the database, the clock and the bus, and transactions that record events and audit
//! entries.

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

/// The longest time that a process waits at its end until its events are sequenced.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// The pauses between attempts of a write that must not be lost while the database is unavailable.
pub const STORE_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

#[derive(Debug, Clone)]
pub struct DataStore {
    pub store: Store,
    pub clock: SharedClock,
    pub bus: Bus,
    pub(crate) sequencer: EventSequencer,
    pub(crate) notifier: EventNotifier,
    held_lease: Option<Arc<HeldLease>>,
    /// Keeps secrets out of the audit trail and of all other stored data.
    pub sanitizer: AuditSanitizer,
}

impl DataStore {
    /// Returns a data store with a bus inside this process.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self::with_bus(store, clock, Bus::in_process())
    }

    pub fn with_bus(store: Store, clock: SharedClock, bus: Bus) -> Self {
        Self {
            sequencer: EventSequencer::new(store.clone()),
            notifier: EventNotifier::new(store.clone(), bus.clone()),
            store,
            clock,
            bus,
            held_lease: None,
            sanitizer: AuditSanitizer::default(),
        }
    }

    /// Returns a data store whose audit trail and events hide what `redactor` hides.
    pub fn with_redactor(self, redactor: Redactor) -> Self {
        Self {
            sanitizer: AuditSanitizer::new(redactor),
            ..self
        }
    }

    pub fn redactor(&self) -> &Redactor {
        self.sanitizer.redactor()
    }

    /// Returns a data store for a worker: its transactions succeed only while `lease` is held.
    pub fn fenced(&self, lease: HeldLease) -> Self {
        Self {
            held_lease: Some(Arc::new(lease)),
            ..self.clone()
        }
    }

    /// Returns the lease that its transactions require, if any.
    pub fn held_lease(&self) -> Option<&HeldLease> {
        self.held_lease.as_deref()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a read transaction on a snapshot of the database.
    pub async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        self.store.begin_read().await
    }

    /// Assigns a sequence number to every committed event, so that the next reader sees them all.
    pub async fn sequence_events(&self) -> Result<(), StoreError> {
        let placed = events::sequence_events(&self.store, events::LockMode::Wait).await;
        placed.map(|_| ())
    }

    /// Waits for a short time until this process's events are sequenced. A process that ends
    /// without it loses nothing; others see its events up to a second later.
    pub async fn flush(&self) {
        // A server that does not answer must not delay the end of the process.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, self.sequencer.flush()).await;
    }

    /// Starts a transaction on behalf of `actor`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if the data store is fenced and its lease was lost.
    pub async fn begin(&self, actor: &AuditActor) -> Result<Transaction, StoreError> {
        let mut sql = self.store.begin_write().await?;
        if let Some(lease) = &self.held_lease {
            // In the same transaction, so that the lease cannot be taken over before its end.
            leases::ensure_held(&mut sql, lease).await?;
        }
        let now = self.clock.now();
        Ok(Transaction {
            sql,
            now,
            actor: actor.clone(),
            bus: self.bus.clone(),
            sequencer: self.sequencer.clone(),
            sanitizer: self.sanitizer.clone(),
            events: Vec::new(),
            audit: Vec::new(),
        })
    }
}

/// A transaction with the events and audit entries of its changes.
#[derive(Debug)]
pub struct Transaction {
    pub sql: SqlTransaction,
    /// The time of the change.
    pub now: Timestamp,
    actor: AuditActor,
    bus: Bus,
    sequencer: EventSequencer,
    sanitizer: AuditSanitizer,
    events: Vec<BusEvent>,
    audit: Vec<AuditEntry>,
}

impl Transaction {
    /// Adds an event, without secrets; listeners receive it after the commit.
    pub fn add_event(&mut self, project: Option<ProjectId>, event: Event) {
        let event = self.sanitizer.redactor().redact_typed(event);
        self.events.push(BusEvent { project, event });
    }

    /// Adds an entry to the audit trail, without secrets and with digests of large values.
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
            details: self.sanitizer.sanitize_details(details),
        });
    }

    /// Commits the changes with their events and audit entries, and notifies the listeners.
    ///
    /// The entries come last: appending locks the chains, which makes other writers wait until the
    /// commit.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        for news in &self.events {
            events::append(&mut self.sql, news.project, &news.event, self.now).await?;
        }
        // After the events, which need no lock. Boxed, because the future is a part of every
        // transaction's future.
        Box::pin(audit::append(&mut self.sql, &self.audit, self.now)).await?;
        self.sql.commit().await?;
        if !self.events.is_empty() {
            self.sequencer.wake();
        }
        self.bus.publish(self.events).await;
        Ok(())
    }
}

/// Turns a lost compare-and-swap into an error that names the entity.
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

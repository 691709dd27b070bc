//! The capacity for agents on this machine: how many run at the same time across all projects and
//! processes, and which project's agent starts next if more of them wait.

mod memory;
mod share;
mod slots;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use memory::MemoryLimits;

use eklavya_config::WorkerSettings;
use eklavya_core::clock::SharedClock;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;
use memory::MemoryProbe;
use share::{ShareClaimant, after_turn, next_share};
use slots::{AgentSlot, AgentSlots, TurnstileGuard};

/// The shortest and longest pause between two attempts to admit an agent, in milliseconds. The pauses
/// are random so that waiting processes do not try at the same time.
const PAUSE_MS: std::ops::Range<u64> = 50..150;
/// How long a process that had to wait lets other processes go first: longer than their pause.
const YIELD_TIME: Duration = Duration::from_millis(200);
/// A wait for another process is reported after this time.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// The limits of a machine.
#[derive(Debug, Clone, Copy)]
pub struct CapacityLimits {
    /// Agents at the same time.
    pub agents: u32,
    pub memory: MemoryLimits,
}

impl CapacityLimits {
    /// Returns the limits that the configuration sets.
    pub(crate) fn from_settings(settings: &WorkerSettings) -> Self {
        /// Agents wait for the model most of the time.
        const AGENTS_PER_PROCESSOR: u32 = 4;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let by_processors = u32::try_from(processors)
            .unwrap_or(u32::MAX)
            .saturating_mul(AGENTS_PER_PROCESSOR);
        Self {
            agents: settings.agents.unwrap_or(by_processors),
            memory: MemoryLimits {
                agent_mib: settings.agent_memory_mib,
                reserve_mib: settings.reserve_memory_mib,
            },
        }
    }
}

/// What an agent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapacityShortage {
    /// As many agents run as the limit allows.
    Agents { limit: u32 },
    /// Too little memory is free for another agent.
    Memory { free_mib: u64, needed_mib: u64 },
    /// Another process is about to start an agent, or waits for capacity itself.
    Turnstile,
}

impl fmt::Display for CapacityShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CapacityShortage::Agents { limit } => {
                write!(f, "{limit} agents run on this machine (worker.agents)")
            }
            CapacityShortage::Memory {
                free_mib,
                needed_mib,
            } => write!(
                f,
                "{free_mib} MiB of memory are free, {needed_mib} MiB are needed \
                 (worker.agentMemoryMib, worker.reserveMemoryMib)"
            ),
            CapacityShortage::Turnstile => f.write_str("another process is first"),
        }
    }
}

/// The capacity for agents of all processes of a data directory, and the queue of this process.
#[derive(Debug)]
pub struct Capacity {
    slots: AgentSlots,
    memory: MemoryLimits,
    kernel: MemoryProbe,
    clock: SharedClock,
    queue: Mutex<AdmissionQueue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct AdmissionQueue {
    waiting: BTreeMap<u64, QueuedAgent>,
    next: u64,
    running: BTreeMap<ProjectId, u32>,
    passes: BTreeMap<ProjectId, u64>,
    /// The pass of the project that was admitted last; a project that becomes busy starts from there.
    served_pass: u64,
    turnstile: Option<TurnstileGuard>,
    /// Until when this process lets other processes go first.
    yield_until: Option<Instant>,
    shortage: Option<CapacityShortage>,
}

#[derive(Debug, Clone, Copy)]
struct QueuedAgent {
    project: ProjectId,
    priority: ProjectPriority,
}

/// The permission to run one agent, until it is dropped.
#[derive(Debug)]
pub struct AgentPermit {
    capacity: Arc<Capacity>,
    project: ProjectId,
    slot: Option<AgentSlot>,
}

impl Drop for AgentPermit {
    fn drop(&mut self) {
        // The slot is freed first, because the notification wakes tasks that look for it.
        self.slot = None;
        let mut queue = self.capacity.lock();
        if let Some(running) = queue.running.get_mut(&self.project) {
            *running = running.saturating_sub(1);
        }
        drop(queue);
        self.capacity.changed.notify_waiters();
    }
}

/// A position in the queue, until it is dropped.
struct QueuePosition<'a> {
    capacity: &'a Arc<Capacity>,
    number: u64,
}

impl Drop for QueuePosition<'_> {
    fn drop(&mut self) {
        let mut queue = self.capacity.lock();
        queue.waiting.remove(&self.number);
        if queue.waiting.is_empty() {
            queue.turnstile = None;
        }
        drop(queue);
        self.capacity.changed.notify_waiters();
    }
}

impl Capacity {
    /// Returns the capacity of the data directory whose slots are files in `directory`.
    pub fn new(directory: PathBuf, limits: CapacityLimits, clock: SharedClock) -> Arc<Self> {
        Arc::new(Self {
            slots: AgentSlots::new(directory, limits.agents),
            memory: limits.memory,
            kernel: MemoryProbe::default(),
            clock,
            queue: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until an agent of `project` can run and it is that project's turn. If the agent has to
    /// wait, calls `on_shortage` once with the reason.
    ///
    /// # Errors
    /// The files of the slots cannot be used.
    pub async fn admit(
        self: &Arc<Self>,
        project: ProjectId,
        priority: ProjectPriority,
        on_shortage: impl AsyncFnOnce(CapacityShortage),
    ) -> io::Result<AgentPermit> {
        let position = self.enqueue(project, priority);
        let (mut on_shortage, start) = (Some(on_shortage), Instant::now());
        loop {
            let changed = self.changed.notified();
            let shortage = match self.try_admit(&position)? {
                Ok(permit) => return Ok(permit),
                Err(shortage) => shortage,
            };
            // Another process may use the turnstile for a moment; that is not worth a report.
            if (shortage != CapacityShortage::Turnstile || start.elapsed() > REPORT_AFTER)
                && let Some(on_shortage) = on_shortage.take()
            {
                on_shortage(shortage).await;
            }
            let pause = Duration::from_millis(rand::rng().random_range(PAUSE_MS));
            let _ = tokio::time::timeout(pause, changed).await;
        }
    }

    fn enqueue(
        self: &Arc<Self>,
        project: ProjectId,
        priority: ProjectPriority,
    ) -> QueuePosition<'_> {
        let mut queue = self.lock();
        let number = queue.next;
        queue.next += 1;
        // A project does not save up turns while it has no agents.
        if !queue.is_busy(project) {
            let level = queue.served_pass;
            let pass = queue.passes.entry(project).or_default();
            *pass = (*pass).max(level);
        }
        queue
            .waiting
            .insert(number, QueuedAgent { project, priority });
        QueuePosition {
            capacity: self,
            number,
        }
    }

    /// Takes a slot if it is the position's turn and capacity is free.
    fn try_admit(
        self: &Arc<Self>,
        position: &QueuePosition<'_>,
    ) -> io::Result<Result<AgentPermit, CapacityShortage>> {
        let mut queue = self.lock();
        if queue.next_position() != Some(position.number) {
            return Ok(Err(queue.shortage.unwrap_or(CapacityShortage::Turnstile)));
        }
        self.enter_turnstile(&mut queue)?;
        let Some(guard) = &queue.turnstile else {
            return Ok(Err(CapacityShortage::Turnstile));
        };
        let slot = match self.take_slot(guard)? {
            Ok(slot) => slot,
            Err(shortage) => {
                queue.shortage = Some(shortage);
                return Ok(Err(shortage));
            }
        };
        let project = queue.grant(position.number);
        drop(queue);
        self.changed.notify_waiters();
        let permit = project.map(|project| AgentPermit {
            capacity: Arc::clone(self),
            project,
            slot: Some(slot),
        });
        Ok(permit.ok_or(CapacityShortage::Turnstile))
    }

    /// Enters the turnstile if it is free and this process does not let others go first.
    fn enter_turnstile(&self, queue: &mut AdmissionQueue) -> io::Result<()> {
        let yields = queue
            .yield_until
            .is_some_and(|until| until > Instant::now());
        if queue.turnstile.is_none() && !yields {
            queue.turnstile = self.slots.try_enter_turnstile()?;
        }
        Ok(())
    }

    fn take_slot(&self, guard: &TurnstileGuard) -> io::Result<Result<AgentSlot, CapacityShortage>> {
        let now = SystemTime::from(self.clock.now());
        let usage = self.slots.count_used(guard, now)?;
        let needed_mib = self.memory.needed_mib(usage.young);
        if let Some(free_mib) = self.kernel.free_mib().filter(|free| *free < needed_mib) {
            let shortage = CapacityShortage::Memory {
                free_mib,
                needed_mib,
            };
            if usage.count > 0 {
                return Ok(Err(shortage));
            }
            tracing::warn!("starting one agent although memory is short: {shortage}");
        }
        let limit = self.slots.limit();
        let slot = self.slots.take(guard, now)?;
        Ok(slot.ok_or(CapacityShortage::Agents { limit }))
    }

    fn lock(&self) -> MutexGuard<'_, AdmissionQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdmissionQueue {
    fn is_busy(&self, project: ProjectId) -> bool {
        self.running_of(project) > 0 || self.waiting.values().any(|w| w.project == project)
    }

    fn running_of(&self, project: ProjectId) -> u32 {
        self.running.get(&project).copied().unwrap_or_default()
    }

    /// Returns the number of the position whose turn it is.
    fn next_position(&self) -> Option<u64> {
        let mut claimants: Vec<ShareClaimant> = Vec::new();
        for (number, waiting) in &self.waiting {
            // Each project is represented by its oldest agent.
            if claimants.iter().all(|c| c.project != waiting.project) {
                claimants.push(ShareClaimant {
                    project: waiting.project,
                    priority: waiting.priority,
                    running: self.running_of(waiting.project),
                    pass: self.passes.get(&waiting.project).copied().unwrap_or(0),
                    since: *number,
                });
            }
        }
        next_share(&claimants).map(|index| claimants[index].since)
    }

    /// Removes a position that got a slot, leaves the turnstile, and counts the project's turn.
    fn grant(&mut self, number: u64) -> Option<ProjectId> {
        self.turnstile = None;
        let was_short = self.shortage.take().is_some();
        self.yield_until = was_short.then(|| Instant::now() + YIELD_TIME);
        let served = self.waiting.remove(&number)?;
        let pass = self.passes.entry(served.project).or_default();
        self.served_pass = *pass;
        *pass = after_turn(*pass, served.priority);
        *self.running.entry(served.project).or_default() += 1;
        Some(served.project)
    }
}

#[cfg(test)]
mod tests;

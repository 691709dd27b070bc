//! Room for agents on this machine: how many run at the same time over all projects and processes,
//! and whose is next where there are more that want to.

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
pub use share::{ShareClaimant, after_turn, next_share};

use eklavya_config::WorkerSettings;
use eklavya_core::clock::SharedClock;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;
use memory::MemoryProbe;
use slots::{AgentSlot, AgentSlots, TurnstileGuard};

/// How long it is at least and at most until it is looked again whether there is room, in
/// milliseconds. Processes that wait must not look in step.
const PAUSE_MS: std::ops::Range<u64> = 50..150;
/// How long a process that had to wait lets the others go first: longer than any of them pauses.
const YIELD_TIME: Duration = Duration::from_millis(200);
/// After this long it is told that another process is first.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// The limits of a machine.
#[derive(Debug, Clone, Copy)]
pub struct CapacityLimits {
    /// Agents at the same time.
    pub agents: u32,
    /// What they may take of the memory.
    pub memory: MemoryLimits,
}

impl CapacityLimits {
    /// Returns the limits that the configuration sets.
    pub fn from_settings(settings: &WorkerSettings) -> Self {
        /// An agent waits for its model most of the time.
        const PER_PROCESSOR: u32 = 4;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let by_processors = u32::try_from(processors)
            .unwrap_or(u32::MAX)
            .saturating_mul(PER_PROCESSOR);
        Self {
            agents: settings.agents.unwrap_or(by_processors),
            memory: MemoryLimits {
                agent_mib: settings.agent_memory_mib,
                reserve_mib: settings.reserve_memory_mib,
            },
        }
    }
}

/// What there is not enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapacityShortage {
    /// As many agents run as may.
    Agents {
        /// How many that are.
        limit: u32,
    },
    /// Another agent would take memory that is not there.
    Memory {
        /// What is free, in MiB.
        free_mib: u64,
        /// What has to be, in MiB.
        needed_mib: u64,
    },
    /// Another process is about to start an agent, or waits for room itself.
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
                "{free_mib} MiB of memory are free, {needed_mib} have to be \
                 (worker.agentMemoryMib, worker.reserveMemoryMib)"
            ),
            CapacityShortage::Turnstile => f.write_str("another process is first"),
        }
    }
}

/// Room for the agents of all processes of a data directory, and the queue of those of this one.
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
    /// The pass of whoever was last served: those who come anew start from there.
    served_pass: u64,
    turnstile: Option<TurnstileGuard>,
    /// Until when other processes go first.
    yield_until: Option<Instant>,
    shortage: Option<CapacityShortage>,
}

#[derive(Debug, Clone, Copy)]
struct QueuedAgent {
    project: ProjectId,
    priority: ProjectPriority,
}

/// Room for one agent, until it is dropped.
#[derive(Debug)]
pub struct AgentPermit {
    capacity: Arc<Capacity>,
    project: ProjectId,
    slot: Option<AgentSlot>,
}

impl Drop for AgentPermit {
    fn drop(&mut self) {
        // First the slot: whoever is woken looks for it.
        self.slot = None;
        let mut queue = self.capacity.lock();
        if let Some(running) = queue.running.get_mut(&self.project) {
            *running = running.saturating_sub(1);
        }
        drop(queue);
        self.capacity.changed.notify_waiters();
    }
}

/// A place in the queue, until it is dropped.
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
    /// Returns the room of the data directory whose slots are kept in `directory`.
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

    /// Waits until there is room for an agent of `project` and it is that project's turn. `short` is
    /// told once, where there is no room at first, what there is not enough of.
    ///
    /// # Errors
    /// The files that the limit is kept by cannot be used.
    pub async fn admit(
        self: &Arc<Self>,
        project: ProjectId,
        priority: ProjectPriority,
        short: impl AsyncFnOnce(CapacityShortage),
    ) -> io::Result<AgentPermit> {
        let place = self.enqueue(project, priority);
        let (mut short, start) = (Some(short), Instant::now());
        loop {
            let changed = self.changed.notified();
            let shortage = match self.try_admit(&place)? {
                Ok(permit) => return Ok(permit),
                Err(shortage) => shortage,
            };
            // That another process is at the same point for a moment is nothing to be told.
            if (shortage != CapacityShortage::Turnstile || start.elapsed() > REPORT_AFTER)
                && let Some(short) = short.take()
            {
                short(shortage).await;
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
        // Nobody saves turns up while it has nothing to do.
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

    /// Takes a slot where it is this place's turn and there is room.
    fn try_admit(
        self: &Arc<Self>,
        place: &QueuePosition<'_>,
    ) -> io::Result<Result<AgentPermit, CapacityShortage>> {
        let mut queue = self.lock();
        if queue.next_position() != Some(place.number) {
            return Ok(Err(queue.shortage.unwrap_or(CapacityShortage::Turnstile)));
        }
        if queue.turnstile.is_none()
            && queue
                .yield_until
                .is_none_or(|until| until <= Instant::now())
        {
            queue.turnstile = self.slots.try_enter_turnstile()?;
        }
        let Some(turn) = &queue.turnstile else {
            return Ok(Err(CapacityShortage::Turnstile));
        };
        match self.take_slot(turn)? {
            Ok(slot) => {
                queue.turnstile = None;
                let was_short = queue.shortage.take().is_some();
                queue.yield_until = was_short.then(|| Instant::now() + YIELD_TIME);
                let project = queue.grant(place.number);
                drop(queue);
                self.changed.notify_waiters();
                Ok(project
                    .map(|project| AgentPermit {
                        capacity: Arc::clone(self),
                        project,
                        slot: Some(slot),
                    })
                    .ok_or(CapacityShortage::Turnstile))
            }
            Err(shortage) => {
                queue.shortage = Some(shortage);
                Ok(Err(shortage))
            }
        }
    }

    fn take_slot(&self, turn: &TurnstileGuard) -> io::Result<Result<AgentSlot, CapacityShortage>> {
        let now = SystemTime::from(self.clock.now());
        let taken = self.slots.count_used(turn, now)?;
        let needed_mib = self.memory.needed_mib(taken.young);
        if let Some(free_mib) = self.kernel.free_mib().filter(|free| *free < needed_mib) {
            let shortage = CapacityShortage::Memory {
                free_mib,
                needed_mib,
            };
            if taken.count > 0 {
                return Ok(Err(shortage));
            }
            tracing::warn!("one agent is started although memory is short: {shortage}");
        }
        let limit = self.slots.limit();
        let slot = self.slots.take(turn, now)?;
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

    /// Returns the place in the queue whose turn it is.
    fn next_position(&self) -> Option<u64> {
        let mut claimants: Vec<ShareClaimant> = Vec::new();
        for (number, waiting) in &self.waiting {
            // The oldest of each project speaks for it.
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
        next_share(&claimants).map(|place| claimants[place].since)
    }

    /// Takes a place out of the queue, which has got a slot.
    fn grant(&mut self, number: u64) -> Option<ProjectId> {
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

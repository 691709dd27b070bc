//! Slots: files whose kernel locks count the agents of all processes of a data directory. The kernel
//! releases a lock when its process ends, however it ends.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long an agent takes at most to allocate the memory that it needs.
const YOUNG_AGE: Duration = Duration::from_secs(15);
/// The lock of the process that waits for a slot. It makes processes take slots one after another, and
/// keeps them from taking one while another process counts them.
const TURNSTILE: &str = "turnstile";

#[derive(Debug)]
pub(super) struct AgentSlots {
    directory: PathBuf,
    limit: u32,
}

/// A slot of this process, until it is dropped.
#[derive(Debug)]
pub(super) struct AgentSlot {
    /// Closing the file frees the slot. Child processes do not inherit it.
    _lock: File,
}

/// The right to take a slot, until it is dropped.
#[derive(Debug)]
pub(super) struct TurnstileGuard {
    _lock: File,
}

/// How many slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotUsage {
    pub count: usize,
    /// How many of these were taken less than [`YOUNG_AGE`] ago.
    pub young: usize,
}

impl AgentSlots {
    /// Returns `limit` slots, which are files in `directory`.
    pub(super) fn new(directory: PathBuf, limit: u32) -> Self {
        Self { directory, limit }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the right to take a slot, or `None` if another process has it.
    pub(super) fn try_enter_turnstile(&self) -> io::Result<Option<TurnstileGuard>> {
        if !self.directory.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.directory)?;
        }
        let lock = try_lock(&self.directory.join(TURNSTILE))?;
        Ok(lock.map(|lock| TurnstileGuard { _lock: lock }))
    }

    /// Takes a slot, or returns `None` if all are taken.
    pub(super) fn take(
        &self,
        _: &TurnstileGuard,
        now: SystemTime,
    ) -> io::Result<Option<AgentSlot>> {
        for number in 1..=self.limit {
            if let Some(lock) = try_lock(&self.directory.join(number.to_string()))? {
                // The time shows other processes that this agent is young; nothing else depends on it.
                let _ = lock.set_modified(now);
                return Ok(Some(AgentSlot { _lock: lock }));
            }
        }
        Ok(None)
    }

    /// Counts the slots that are taken, including those above this process's limit.
    pub(super) fn count_used(&self, _: &TurnstileGuard, now: SystemTime) -> io::Result<SlotUsage> {
        let mut usage = SlotUsage { count: 0, young: 0 };
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name() == TURNSTILE || try_lock(&entry.path())?.is_some() {
                continue;
            }
            usage.count += 1;
            let modified = entry.metadata().and_then(|data| data.modified());
            usage.young += usize::from(modified.is_ok_and(|then| is_young(then, now)));
        }
        Ok(usage)
    }
}

/// Whether `then` is shortly before `now`, or shortly after it because the clock was changed.
fn is_young(then: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(then);
    apart.unwrap_or_else(|ahead| ahead.duration()) < YOUNG_AGE
}

fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    #[test]
    fn slots_are_limited_and_a_dropped_slot_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        let slots = AgentSlots::new(directory.path().join("slots"), 2);
        let guard = slots.try_enter_turnstile().unwrap().unwrap();
        assert!(slots.try_enter_turnstile().unwrap().is_none());
        let first = slots.take(&guard, now()).unwrap().unwrap();
        let second = slots.take(&guard, now()).unwrap();
        assert!(second.is_some() && slots.take(&guard, now()).unwrap().is_none());
        drop(guard);
        drop(first);
        // Another process uses the same files.
        let others = AgentSlots::new(directory.path().join("slots"), 2);
        let guard = others.try_enter_turnstile().unwrap().unwrap();
        let both = SlotUsage { count: 1, young: 1 };
        assert_eq!(others.count_used(&guard, now()).unwrap(), both);
        assert!(others.take(&guard, now()).unwrap().is_some());
    }

    #[test]
    fn an_agent_stays_young_for_a_while_even_if_the_clock_jumps() {
        let directory = tempfile::tempdir().unwrap();
        let slots = AgentSlots::new(directory.path().to_owned(), 1);
        let guard = slots.try_enter_turnstile().unwrap().unwrap();
        let _slot = slots.take(&guard, now()).unwrap().unwrap();
        for (later, young) in [(0, 1), (14, 1), (15, 0)] {
            let later = Duration::from_secs(later);
            for then in [now() + later, now() - later] {
                let usage = slots.count_used(&guard, then).unwrap();
                assert_eq!(usage, SlotUsage { count: 1, young });
            }
        }
    }
}

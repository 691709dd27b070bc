//! Slots: files whose kernel locks count the agents of all processes of a data directory. A lock goes
//! with its process, however that ends.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long an agent takes at most to have the memory that it needs.
const YOUTH: Duration = Duration::from_secs(15);
/// Whoever waits for a slot holds this lock, so that those who wait are served one after another,
/// and nobody takes a slot while another counts them.
const TURNSTILE: &str = "turnstile";

/// The slots of a data directory.
#[derive(Debug)]
pub(super) struct AgentSlots {
    directory: PathBuf,
    limit: u32,
}

/// A slot that this process holds, until it is dropped.
#[derive(Debug)]
pub(super) struct AgentSlot {
    /// Closing it frees the slot. It is not inherited by the programs that are started meanwhile.
    _lock: File,
}

/// The right to take a slot, until it is dropped.
#[derive(Debug)]
pub(super) struct TurnstileGuard {
    _lock: File,
}

/// What the other slots look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotUsage {
    /// How many are held.
    pub count: usize,
    /// How many of these were taken only just now.
    pub young: usize,
}

impl AgentSlots {
    /// Returns `limit` slots, kept in `directory`.
    pub(super) fn new(directory: PathBuf, limit: u32) -> Self {
        Self { directory, limit }
    }

    /// Returns how many there are.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the right to take a slot; nothing where somebody else has it.
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

    /// Takes a slot; nothing where all are taken.
    pub(super) fn take(
        &self,
        _: &TurnstileGuard,
        now: SystemTime,
    ) -> io::Result<Option<AgentSlot>> {
        for number in 1..=self.limit {
            if let Some(lock) = try_lock(&self.directory.join(number.to_string()))? {
                // The time tells the others that this agent is young; nothing else depends on it.
                let _ = lock.set_modified(now);
                return Ok(Some(AgentSlot { _lock: lock }));
            }
        }
        Ok(None)
    }

    /// Counts the slots that are held, whatever limit their holders go by.
    pub(super) fn count_used(&self, _: &TurnstileGuard, now: SystemTime) -> io::Result<SlotUsage> {
        let mut taken = SlotUsage { count: 0, young: 0 };
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name() == TURNSTILE || try_lock(&entry.path())?.is_some() {
                continue;
            }
            taken.count += 1;
            let modified = entry.metadata().and_then(|data| data.modified());
            taken.young += usize::from(modified.is_ok_and(|then| is_young(then, now)));
        }
        Ok(taken)
    }
}

/// Whether `then` is just before `now`, or just behind it by another clock.
fn is_young(then: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(then);
    apart.unwrap_or_else(|ahead| ahead.duration()) < YOUTH
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
    fn no_more_than_there_are_and_a_dropped_one_is_free_again() {
        let place = tempfile::tempdir().unwrap();
        let slots = AgentSlots::new(place.path().join("slots"), 2);
        let turn = slots.try_enter_turnstile().unwrap().unwrap();
        assert!(slots.try_enter_turnstile().unwrap().is_none());
        let first = slots.take(&turn, now()).unwrap().unwrap();
        let second = slots.take(&turn, now()).unwrap();
        assert!(second.is_some() && slots.take(&turn, now()).unwrap().is_none());
        drop(turn);
        drop(first);
        // Another process has slots of its own, on the same files.
        let others = AgentSlots::new(place.path().join("slots"), 2);
        let turn = others.try_enter_turnstile().unwrap().unwrap();
        let both = SlotUsage { count: 1, young: 1 };
        assert_eq!(others.count_used(&turn, now()).unwrap(), both);
        assert!(others.take(&turn, now()).unwrap().is_some());
    }

    #[test]
    fn an_agent_grows_up_and_a_clock_that_jumped_makes_it_no_younger() {
        let place = tempfile::tempdir().unwrap();
        let slots = AgentSlots::new(place.path().to_owned(), 1);
        let turn = slots.try_enter_turnstile().unwrap().unwrap();
        let _slot = slots.take(&turn, now()).unwrap().unwrap();
        for (later, young) in [(0, 1), (14, 1), (15, 0)] {
            let later = Duration::from_secs(later);
            for then in [now() + later, now() - later] {
                let taken = slots.count_used(&turn, then).unwrap();
                assert_eq!(taken, SlotUsage { count: 1, young });
            }
        }
    }
}

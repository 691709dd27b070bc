//! The labels by which a container is known: whose it is, and which process answers for it.

use std::collections::HashMap;
use std::hash::BuildHasher;

use eklavya_core::process::{self, HostIdentity};

/// The label of the data directory that a container works for.
pub(crate) const INSTALLATION: &str = "eklavya.installation";
const BOOT: &str = "eklavya.boot";
const HOST: &str = "eklavya.host";
const PROCESS: &str = "eklavya.process";

/// Who answers for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerOwner {
    /// The start of the machine at which it was made.
    boot: String,
    /// Where its process id means something.
    host: String,
    pid: u32,
    /// When that process was started, in ticks since boot.
    start: i64,
}

/// What became of who answers for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerState {
    /// It lives, or may live where this process cannot see it.
    Alive,
    /// It is gone for certain.
    Gone,
}

impl ContainerOwner {
    /// Returns the mark of this process.
    pub(crate) fn of_this_process() -> Self {
        let pid = std::process::id();
        Self {
            boot: boot_id(),
            host: HostIdentity::current().digest,
            pid,
            start: process::read_start_time(pid).unwrap_or_default(),
        }
    }

    /// Adds it to labels.
    pub(crate) fn write_labels<S: BuildHasher>(self, labels: &mut HashMap<String, String, S>) {
        let process = format!("{} {}", self.pid, self.start);
        for (name, value) in [(BOOT, self.boot), (HOST, self.host), (PROCESS, process)] {
            labels.insert(name.to_owned(), value);
        }
    }

    /// Reads it back; nothing where labels of ours are missing or make no sense.
    pub(crate) fn from_labels<S: BuildHasher>(labels: &HashMap<String, String, S>) -> Option<Self> {
        let (pid, start) = labels.get(PROCESS)?.split_once(' ')?;
        Some(Self {
            boot: labels.get(BOOT)?.clone(),
            host: labels.get(HOST)?.clone(),
            pid: pid.parse().ok()?,
            start: start.parse().ok()?,
        })
    }

    /// Returns what became of the process.
    pub(crate) fn state(&self) -> OwnerState {
        let gone = self.boot != boot_id()
            || (self.host == HostIdentity::current().digest
                && !process::is_alive(self.pid, self.start));
        if gone {
            OwnerState::Gone
        } else {
            OwnerState::Alive
        }
    }
}

fn boot_id() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_lives_as_long_as_its_process() {
        let mark = ContainerOwner::of_this_process();
        let mut labels = HashMap::new();
        mark.clone().write_labels(&mut labels);
        assert_eq!(ContainerOwner::from_labels(&labels), Some(mark.clone()));
        assert_eq!(mark.state(), OwnerState::Alive);
        let before = ContainerOwner {
            start: mark.start - 1,
            ..mark.clone()
        };
        assert_eq!(before.state(), OwnerState::Gone);
        let elsewhere = ContainerOwner {
            host: "elsewhere".to_owned(),
            ..before
        };
        assert_eq!(elsewhere.state(), OwnerState::Alive);
        let earlier = ContainerOwner {
            boot: "an earlier one".to_owned(),
            ..elsewhere
        };
        assert_eq!(earlier.state(), OwnerState::Gone);
        labels.insert(PROCESS.to_owned(), "x".to_owned());
        assert_eq!(ContainerOwner::from_labels(&labels), None);
    }
}

//! The labels of a container: its data directory and its owner process.

use std::collections::HashMap;
use std::hash::BuildHasher;

use eklavya_core::process::{self, HostIdentity};

/// The label of the data directory that a container belongs to.
pub(crate) const INSTALLATION: &str = "eklavya.installation";
const BOOT: &str = "eklavya.boot";
const HOST: &str = "eklavya.host";
const PROCESS: &str = "eklavya.process";

/// The process that owns a container: its relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerOwner {
    /// The boot of the machine during which the container was created.
    boot: String,
    /// The host that the process id belongs to.
    host: String,
    pid: u32,
    /// The start time of the process, in ticks since boot.
    start: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerState {
    /// The owner lives, or may live on a host that this process cannot see.
    Alive,
    /// The owner has certainly ended.
    Gone,
}

impl ContainerOwner {
    pub(crate) fn of_this_process() -> Self {
        let pid = std::process::id();
        Self {
            boot: boot_id(),
            host: HostIdentity::current().digest,
            pid,
            start: process::read_start_time(pid).unwrap_or_default(),
        }
    }

    pub(crate) fn write_labels<S: BuildHasher>(self, labels: &mut HashMap<String, String, S>) {
        let process = format!("{} {}", self.pid, self.start);
        for (name, value) in [(BOOT, self.boot), (HOST, self.host), (PROCESS, process)] {
            labels.insert(name.to_owned(), value);
        }
    }

    /// Parses the labels; `None` if one of them is missing or invalid.
    pub(crate) fn from_labels<S: BuildHasher>(labels: &HashMap<String, String, S>) -> Option<Self> {
        let (pid, start) = labels.get(PROCESS)?.split_once(' ')?;
        Some(Self {
            boot: labels.get(BOOT)?.clone(),
            host: labels.get(HOST)?.clone(),
            pid: pid.parse().ok()?,
            start: start.parse().ok()?,
        })
    }

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
    fn an_owner_parses_from_its_labels_and_is_gone_once_its_process_has_ended() {
        let owner = ContainerOwner::of_this_process();
        let mut labels = HashMap::new();
        owner.clone().write_labels(&mut labels);
        assert_eq!(ContainerOwner::from_labels(&labels), Some(owner.clone()));
        assert_eq!(owner.state(), OwnerState::Alive);
        let before = ContainerOwner {
            start: owner.start - 1,
            ..owner.clone()
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

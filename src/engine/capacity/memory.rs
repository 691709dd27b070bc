//! How much memory is free for more agents.

use std::fs;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;

/// What agents may take of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// What one agent is expected to need, in MiB.
    pub agent_mib: u64,
    /// What is left to everybody else, in MiB.
    pub reserve_mib: u64,
}

impl MemoryLimits {
    /// Returns how much must be free, in MiB, to start an agent while `young` others have not yet
    /// taken what they will need.
    pub(super) fn needed_mib(self, young: usize) -> u64 {
        let agents = u64::try_from(young).unwrap_or(u64::MAX).saturating_add(1);
        self.agent_mib
            .saturating_mul(agents)
            .saturating_add(self.reserve_mib)
    }
}

/// Where the kernel tells of memory.
#[derive(Debug, Clone)]
pub(super) struct MemoryProbe {
    proc_root: PathBuf,
    cgroup_root: PathBuf,
}

impl Default for MemoryProbe {
    fn default() -> Self {
        Self {
            proc_root: "/proc".into(),
            cgroup_root: "/sys/fs/cgroup".into(),
        }
    }
}

impl MemoryProbe {
    /// Returns the free memory in MiB: the machine's, or what the control groups of this process
    /// leave of it. Nothing where the kernel does not say.
    pub(super) fn free_mib(&self) -> Option<u64> {
        let machine = self.machine_free_bytes();
        let groups = self
            .list_control_groups()
            .into_iter()
            .filter_map(|group| group.free_bytes());
        machine.into_iter().chain(groups).min().map(|b| b / MIB)
    }

    /// proc(5): an estimate of what can be had without swapping.
    fn machine_free_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.proc_root.join("meminfo")).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// Returns the control groups that may limit this process, each with those around it.
    fn list_control_groups(&self) -> Vec<ControlGroup> {
        let own = fs::read_to_string(self.proc_root.join("self/cgroup")).unwrap_or_default();
        let mut groups = Vec::new();
        for line in own.lines() {
            // cgroups(7): hierarchy:controllers:path
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let (files, mounts) = if controllers.is_empty() {
                (
                    &SECOND,
                    vec![self.cgroup_root.clone(), self.cgroup_root.join("unified")],
                )
            } else if controllers.split(',').any(|name| name == "memory") {
                (&FIRST, vec![self.cgroup_root.join("memory")])
            } else {
                continue;
            };
            for mount in mounts {
                let path = Path::new(path.trim_start_matches('/'));
                let within = path.ancestors().map(|group| mount.join(group));
                groups.extend(within.map(|directory| ControlGroup { directory, files }));
            }
        }
        groups
    }
}

/// The files of a control group.
#[derive(Debug)]
struct CgroupFiles {
    limit: &'static str,
    usage: &'static str,
    /// What of the usage are files that were read and can be dropped: a line of `memory.stat`.
    droppable: &'static str,
}

/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>, "Memory".
const SECOND: CgroupFiles = CgroupFiles {
    limit: "memory.max",
    usage: "memory.current",
    droppable: "inactive_file",
};
/// <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>.
const FIRST: CgroupFiles = CgroupFiles {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    droppable: "total_inactive_file",
};

#[derive(Debug)]
struct ControlGroup {
    directory: PathBuf,
    files: &'static CgroupFiles,
}

impl ControlGroup {
    /// Returns how many bytes it leaves; nothing where it has no limit.
    fn free_bytes(&self) -> Option<u64> {
        let number = |name: &str| -> Option<u64> {
            let text = fs::read_to_string(self.directory.join(name)).ok()?;
            text.trim().parse().ok()
        };
        let (limit, usage) = (number(self.files.limit)?, number(self.files.usage)?);
        let held = usage.saturating_sub(self.droppable_bytes());
        Some(limit.saturating_sub(held))
    }

    fn droppable_bytes(&self) -> u64 {
        let text = fs::read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let value = text.lines().find_map(|line| {
            let (name, value) = line.split_once(' ')?;
            (name == self.files.droppable).then_some(value)
        });
        value
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(files: &[(&str, &str)]) -> (tempfile::TempDir, MemoryProbe) {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = place.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let kernel = MemoryProbe {
            proc_root: place.path().join("proc"),
            cgroup_root: place.path().join("cgroup"),
        };
        (place, kernel)
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:  4096000 kB\nMemAvailable:    2048000 kB\n",
    );

    #[test]
    fn the_machine_counts_where_no_group_has_a_limit() {
        let (_place, free) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("cgroup/user.slice/memory.max", "max\n"),
            ("cgroup/user.slice/memory.current", "1\n"),
        ]);
        assert_eq!(free.free_mib(), Some(2000));
        let (_place, silent) = kernel(&[]);
        assert_eq!(silent.free_mib(), None);
    }

    #[test]
    fn the_tightest_group_counts_without_what_it_can_drop() {
        let (_place, second) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cgroup/a/memory.max", "1073741824\n"),
            ("cgroup/a/memory.current", "1073741824\n"),
            ("cgroup/a/memory.stat", "anon 5\ninactive_file 104857600\n"),
        ]);
        assert_eq!(second.free_mib(), Some(100));
        // In a container the path of the host is not there, and its group is the mount itself.
        let (_place, first) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "4:cpu,memory:/docker/1234\n1:pids:/\n"),
            ("cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(first.free_mib(), Some(0));
    }

    #[test]
    fn what_young_agents_will_take_is_not_free() {
        let limits = MemoryLimits {
            agent_mib: 256,
            reserve_mib: 512,
        };
        assert_eq!((limits.needed_mib(0), limits.needed_mib(3)), (768, 1536));
    }
}

//! How much memory is free for more agents.

use std::fs;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;

/// How much memory agents may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// What one agent is expected to need.
    pub agent_mib: u64,
    /// What stays free for other programs.
    pub reserve_mib: u64,
}

impl MemoryLimits {
    /// Returns how much must be free, in MiB, to start an agent while `young` others have not yet
    /// allocated what they will need.
    pub(super) fn needed_mib(self, young: usize) -> u64 {
        let agents = u64::try_from(young).unwrap_or(u64::MAX).saturating_add(1);
        self.agent_mib
            .saturating_mul(agents)
            .saturating_add(self.reserve_mib)
    }
}

/// Where the kernel reports memory.
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
    /// Returns the free memory in MiB: the machine's, or less if a control group of this process
    /// limits it. Returns `None` if the kernel does not report it.
    pub(super) fn free_mib(&self) -> Option<u64> {
        let machine = self.machine_free_bytes();
        let groups = self
            .list_control_groups()
            .into_iter()
            .filter_map(|group| group.free_bytes());
        machine.into_iter().chain(groups).min().map(|b| b / MIB)
    }

    /// `MemAvailable`, proc(5): an estimate of what can be allocated without swapping.
    fn machine_free_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.proc_root.join("meminfo")).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// Returns the control groups that may limit this process, including their ancestors.
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
                    &CGROUP_V2,
                    vec![self.cgroup_root.clone(), self.cgroup_root.join("unified")],
                )
            } else if controllers.split(',').any(|name| name == "memory") {
                (&CGROUP_V1, vec![self.cgroup_root.join("memory")])
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
    /// The line of `memory.stat` with the part of the usage that is file cache and can be dropped.
    droppable: &'static str,
}

/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>, "Memory".
const CGROUP_V2: CgroupFiles = CgroupFiles {
    limit: "memory.max",
    usage: "memory.current",
    droppable: "inactive_file",
};
/// <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>.
const CGROUP_V1: CgroupFiles = CgroupFiles {
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
    /// Returns how many bytes the group leaves; `None` if it has no limit.
    fn free_bytes(&self) -> Option<u64> {
        let number = |name: &str| -> Option<u64> {
            let text = fs::read_to_string(self.directory.join(name)).ok()?;
            text.trim().parse().ok()
        };
        let (limit, usage) = (number(self.files.limit)?, number(self.files.usage)?);
        let used = usage.saturating_sub(self.droppable_bytes());
        Some(limit.saturating_sub(used))
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
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = directory.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let kernel = MemoryProbe {
            proc_root: directory.path().join("proc"),
            cgroup_root: directory.path().join("cgroup"),
        };
        (directory, kernel)
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:  4096000 kB\nMemAvailable:    2048000 kB\n",
    );

    #[test]
    fn free_memory_is_that_of_the_machine_if_no_control_group_has_a_limit() {
        let (_directory, free) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("cgroup/user.slice/memory.max", "max\n"),
            ("cgroup/user.slice/memory.current", "1\n"),
        ]);
        assert_eq!(free.free_mib(), Some(2000));
        let (_directory, unknown) = kernel(&[]);
        assert_eq!(unknown.free_mib(), None);
    }

    #[test]
    fn free_memory_is_that_of_the_tightest_control_group_plus_its_file_cache() {
        let (_directory, second) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cgroup/a/memory.max", "1073741824\n"),
            ("cgroup/a/memory.current", "1073741824\n"),
            ("cgroup/a/memory.stat", "anon 5\ninactive_file 104857600\n"),
        ]);
        assert_eq!(second.free_mib(), Some(100));
        // In a container, the host's path of the group does not exist: the mount itself is the group.
        let (_directory, first) = kernel(&[
            MEMINFO,
            ("proc/self/cgroup", "4:cpu,memory:/docker/1234\n1:pids:/\n"),
            ("cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(first.free_mib(), Some(0));
    }

    #[test]
    fn needed_memory_includes_what_young_agents_will_allocate() {
        let limits = MemoryLimits {
            agent_mib: 256,
            reserve_mib: 512,
        };
        assert_eq!((limits.needed_mib(0), limits.needed_mib(3)), (768, 1536));
    }
}

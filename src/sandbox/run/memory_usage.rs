//! Measuring the memory of a sandbox.

use std::fs;

use crate::supervision::process_tree;

/// Returns the memory, in bytes, of the processes of the sandbox whose outermost process is `pid`.
/// Shared memory counts once, divided among the processes. Processes that cannot be read do not count.
pub(crate) fn measure_memory(pid: u32) -> u64 {
    let kib: u64 = process_tree::descendants_of(pid)
        .into_iter()
        .filter_map(process_kib)
        .sum();
    kib * 1024
}

/// Returns the proportional share of a process (`Pss` of `/proc/<pid>/smaps_rollup`), in KiB.
///
/// If that file may not be read, the resident pages count in full: an upper bound instead of nothing.
fn process_kib(pid: u32) -> Option<u64> {
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return kib_field(&text, "Pss:");
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kib_field(&status, "VmRSS:")
}

fn kib_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_is_measured() {
        assert!(process_kib(std::process::id()).unwrap() > 100);
        assert!(measure_memory(std::os::unix::process::parent_id()) > 100 * 1024);
        assert_eq!(kib_field("Name:\tx\nPss:     12 kB\n", "Pss:"), Some(12));
    }
}

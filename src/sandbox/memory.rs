//! How much memory a sandbox takes.

use std::fs;

use super::descendants;

/// Returns the bytes of memory that the processes of the sandbox whose outermost process is `pid`
/// take: what they share counts once, spread over them. What cannot be read does not count.
pub fn memory_of(pid: u32) -> u64 {
    let kib: u64 = descendants::below(pid).into_iter().filter_map(share).sum();
    kib * 1024
}

/// Returns the share of a process (`Pss` of `/proc/<pid>/smaps_rollup`), in KiB.
///
/// Where it may not be looked at, its resident pages count in full: too much rather than nothing.
fn share(pid: u32) -> Option<u64> {
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return field(&text, "Pss:");
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "VmRSS:")
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_something() {
        assert!(share(std::process::id()).unwrap() > 100);
        assert!(memory_of(std::os::unix::process::parent_id()) > 100 * 1024);
        assert_eq!(field("Name:\tx\nPss:     12 kB\n", "Pss:"), Some(12));
    }
}

//! Finding and killing a process's descendants by the parent links of /proc: for processes outside a namespace.

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Kills everything below `root`, but not `root` itself.
///
/// `root` must be a subreaper, so that orphans stay below it. Processes that fork while they are hunted are found in
/// the next round.
pub(super) fn kill_below(root: u32) {
    for _ in 0..200 {
        let found = below(root);
        if found.is_empty() {
            return;
        }
        for pid in found {
            signal(pid, Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal; a process that is gone has no need of it.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Returns the living descendants of `root`.
pub(super) fn below(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in processes() {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

/// Returns whether `pid` runs (a zombie does not).
pub(super) fn is_alive(pid: u32) -> bool {
    parent_of(pid).is_some()
}

fn processes() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect()
}

/// Returns the parent of a process that is no zombie.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state ppid …"; the name may hold anything, so look from its last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z" && state != "X").then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_living_parent_and_pid_0_does_not_exist() {
        assert!(is_alive(std::process::id()));
        assert!(is_alive(std::os::unix::process::parent_id()));
        assert!(!is_alive(0));
        assert!(below(std::os::unix::process::parent_id()).contains(&std::process::id()));
    }
}

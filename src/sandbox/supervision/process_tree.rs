//! Finding the descendants of a process by the parent ids in /proc.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sends a signal. Does nothing if the process has ended.
pub(crate) fn send_signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Returns the living descendants of `root`.
pub(crate) fn descendants_of(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in list_processes() {
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

/// Returns the ids of the living processes and of their parents.
fn list_processes() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, living_parent_of(pid)?)))
        .collect()
}

/// Returns the parent of a process; `None` if the process has ended or is a zombie.
fn living_parent_of(pid: u32) -> Option<u32> {
    let (state, parent) = state_of(pid)?;
    (!matches!(state, 'Z' | 'X')).then_some(parent)
}

/// Returns the state (a letter, see proc(5)) and the parent of a process.
fn state_of(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state ppid …"; the name may contain any character, so split at the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_a_descendant_of_its_parent() {
        assert_eq!(
            living_parent_of(std::process::id()),
            Some(std::os::unix::process::parent_id())
        );
        assert_eq!(living_parent_of(0), None);
        assert!(descendants_of(std::os::unix::process::parent_id()).contains(&std::process::id()));
    }
}

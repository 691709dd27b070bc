//! The first process of a container, which is not a descendant of its relay.

use std::fs;
use std::io;
use std::path::Path;

use super::process_tree::descendants_of;
use eklavya_core::process;

/// The subcommand of a relay. [`find_first_process`] recognizes relays by it.
pub(crate) const RELAY: &str = "sandbox-docker";

/// The file, in the relay's working directory, that names the container's first process on the host.
const FIRST: &str = "first";

/// Writes the first process of the container whose relay works in `directory`.
pub(crate) fn write_first_process(directory: &Path, pid: u32) -> io::Result<()> {
    let start = process::read_start_time(pid).unwrap_or_default();
    fs::write(directory.join(FIRST), format!("{pid} {start}"))
}

/// Returns the first process, on this host, of the container of `relay`; `None` if that process is no
/// relay or its container does not run.
pub(crate) fn find_first_process(relay: u32) -> Option<u32> {
    let line = fs::read(format!("/proc/{relay}/cmdline")).ok()?;
    if line.split(|byte| *byte == 0).nth(1)? != RELAY.as_bytes() {
        return None;
    }
    let directory = fs::read_link(format!("/proc/{relay}/cwd")).ok()?;
    let text = fs::read_to_string(directory.join(FIRST)).ok()?;
    let (pid, start) = text.split_once(' ')?;
    let (pid, start) = (pid.parse().ok()?, start.parse().ok()?);
    process::is_alive(pid, start).then_some(pid)
}

/// Returns the living processes of the sandbox whose outermost process is `root`: its descendants
/// and, if it is a relay, those of the container.
pub(crate) fn sandbox_processes(root: u32) -> Vec<u32> {
    let mut found = descendants_of(root);
    if let Some(first) = find_first_process(root) {
        found.push(first);
        found.extend(descendants_of(first));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_no_relay_has_no_container() {
        assert_eq!(find_first_process(std::process::id()), None);
    }
}

//! Ending what another process started with [`super::Sandbox::command`].

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::docker::container_dir::find_first_process;
use crate::supervision::{process_tree, supervise};
use eklavya_core::process::{self, HostIdentity};

/// How long the processes in front of a sandbox get to end all of it in order.
const POLITE: Duration = Duration::from_secs(5);
/// How long everything gets to be gone after SIGKILL.
const STUBBORN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(20);

/// Ends the process `pid` that was started at `start` (ticks since boot) and everything below it.
///
/// Returns whether it is gone; one that was gone before is. Nothing happens to another process that
/// has its id by now.
pub async fn kill_orphan(pid: u32, start: i64) -> bool {
    if !process::is_alive(pid, start) {
        return true;
    }
    process_tree::send_signal(pid, supervise::END_ALL);
    if wait_until_gone(pid, start, POLITE).await {
        return true;
    }
    // Stopped, say: then it hears nothing else.
    let first =
        find_first_process(pid).and_then(|first| Some((first, process::read_start_time(first)?)));
    for id in process_tree::sandbox_processes(pid) {
        process_tree::send_signal(id, Signal::SIGKILL);
    }
    if process::is_alive(pid, start) {
        process_tree::send_signal(pid, Signal::SIGKILL);
    }
    // A container is no child of whoever stands for it.
    let container_gone = match first {
        Some((first, start)) => wait_until_gone(first, start, STUBBORN).await,
        None => true,
    };
    container_gone && wait_until_gone(pid, start, STUBBORN).await
}

/// Writes down in `file` which process runs.
pub(crate) fn write_pid_file(file: &Path, pid: u32) -> io::Result<()> {
    let start = process::read_start_time(pid).unwrap_or_default();
    std::fs::write(
        file,
        format!("{} {pid} {start}", HostIdentity::current().digest),
    )
}

/// Ends the process that a specification's note names, if it runs on this host, and everything below
/// it. Returns whether it is gone.
pub async fn kill_by_pid_file(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split(' ');
    let (host, pid, start) = (words.next(), words.next(), words.next());
    let pid = pid.and_then(|pid| pid.parse().ok());
    let start = start.and_then(|start| start.parse().ok());
    match (pid, start) {
        (Some(pid), Some(start)) if host == Some(HostIdentity::current().digest.as_str()) => {
            kill_orphan(pid, start).await
        }
        _ => true,
    }
}

async fn wait_until_gone(pid: u32, start: i64, within: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        if !process::is_alive(pid, start) {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    !process::is_alive(pid, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_process_is_ended_and_another_one_with_its_id_is_not() {
        let mut command = process::new_command("/bin/sleep");
        let mut child = command.arg("600").spawn().unwrap();
        let pid = child.id().unwrap();
        let start = process::read_start_time(pid).unwrap();
        process_tree::send_signal(pid, Signal::SIGSTOP);
        assert!(kill_orphan(pid, start + 1).await);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("process");
        assert!(kill_by_pid_file(&file).await);
        std::fs::write(&file, format!("elsewhere {pid} {start}")).unwrap();
        assert!(kill_by_pid_file(&file).await);
        assert!(process::is_alive(pid, start));
        write_pid_file(&file, pid).unwrap();
        let (gone, status) = tokio::join!(kill_by_pid_file(&file), child.wait());
        assert!(gone && !status.unwrap().success());
    }
}

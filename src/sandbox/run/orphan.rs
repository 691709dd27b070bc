//! Killing sandboxes that another process started.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::supervision::container_process::{find_first_process, sandbox_processes};
use crate::supervision::pid_file::PidFile;
use crate::supervision::{process_tree, supervise};
use eklavya_core::process;

/// How long the outer processes of a sandbox may take to end all of it in order.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// How long all processes may take to end after SIGKILL.
const KILL_TIMEOUT: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Kills the process `pid` that was started at `start` (ticks since boot), and everything below it.
///
/// Returns whether it has ended, now or before. Another process that has the same id by now is not
/// killed.
pub async fn kill_orphan(pid: u32, start: i64) -> bool {
    if !process::is_alive(pid, start) {
        return true;
    }
    process_tree::send_signal(pid, supervise::END_ALL);
    if wait_until_gone(pid, start, END_TIMEOUT).await {
        return true;
    }
    // A stopped process, for example, reacts to SIGKILL only.
    let first =
        find_first_process(pid).and_then(|first| Some((first, process::read_start_time(first)?)));
    for id in sandbox_processes(pid) {
        process_tree::send_signal(id, Signal::SIGKILL);
    }
    if process::is_alive(pid, start) {
        process_tree::send_signal(pid, Signal::SIGKILL);
    }
    // The first process of a container is no child of its relay.
    let container_gone = match first {
        Some((first, start)) => wait_until_gone(first, start, KILL_TIMEOUT).await,
        None => true,
    };
    container_gone && wait_until_gone(pid, start, KILL_TIMEOUT).await
}

/// Kills the process that the pid file of a specification names, and everything below it, if it belongs
/// to this host. Returns whether it has ended.
pub async fn kill_by_pid_file(file: &Path) -> bool {
    match PidFile::read(file) {
        Some(process) if process.is_of_this_host() => kill_orphan(process.pid, process.start).await,
        _ => true,
    }
}

async fn wait_until_gone(pid: u32, start: i64, timeout: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < timeout {
        if !process::is_alive(pid, start) {
            return true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    !process::is_alive(pid, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_orphan_is_killed_but_not_another_process_with_its_id() {
        let mut command = process::new_command("/bin/sleep");
        let mut child = command.arg("600").spawn().unwrap();
        let pid = child.id().unwrap();
        let start = process::read_start_time(pid).unwrap();
        process_tree::send_signal(pid, Signal::SIGSTOP);
        assert!(kill_orphan(pid, start + 1).await);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("process");
        assert!(kill_by_pid_file(&file).await);
        std::fs::write(&file, format!("elsewhere {pid} {start}")).unwrap();
        assert!(kill_by_pid_file(&file).await);
        assert!(process::is_alive(pid, start));
        PidFile::write(&file, pid).unwrap();
        let (gone, status) = tokio::join!(kill_by_pid_file(&file), child.wait());
        assert!(gone && !status.unwrap().success());
    }
}

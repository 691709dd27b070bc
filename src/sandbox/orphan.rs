//! Ending what another process started with [`super::Sandbox::command`].

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::{descendants, supervise};
use crate::process;

/// How long the processes in front of a sandbox get to end all of it in order.
const POLITE: Duration = Duration::from_secs(5);
/// How long everything gets to be gone after SIGKILL.
const STUBBORN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(20);

/// Ends the process `pid` that was started at `start` (ticks since boot) and everything below it.
///
/// Returns whether it is gone; one that was gone before is. Nothing happens to another process that
/// has its id by now.
pub async fn end_orphan(pid: u32, start: i64) -> bool {
    if !process::is_alive(pid, start) {
        return true;
    }
    descendants::signal(pid, supervise::END_ALL);
    if is_gone(pid, start, POLITE).await {
        return true;
    }
    // Stopped, say: then it hears nothing else.
    for id in descendants::below(pid) {
        descendants::signal(id, Signal::SIGKILL);
    }
    if process::is_alive(pid, start) {
        descendants::signal(pid, Signal::SIGKILL);
    }
    is_gone(pid, start, STUBBORN).await
}

async fn is_gone(pid: u32, start: i64, within: Duration) -> bool {
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
        let mut command = process::command("/bin/sleep");
        let mut child = command.arg("600").spawn().unwrap();
        let pid = child.id().unwrap();
        let start = process::start_of(pid).unwrap();
        descendants::signal(pid, Signal::SIGSTOP);
        assert!(end_orphan(pid, start + 1).await);
        assert!(process::is_alive(pid, start));
        let (gone, status) = tokio::join!(end_orphan(pid, start), child.wait());
        assert!(gone && !status.unwrap().success());
    }
}

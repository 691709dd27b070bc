//! Ending what another process started with [`super::Sandbox::command`].

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::docker::stage::first_process;
use super::{descendants, supervise};
use eklavya_core::process::{self, Host};

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
    let first = first_process(pid).and_then(|first| Some((first, process::start_of(first)?)));
    for id in descendants::inside(pid) {
        descendants::signal(id, Signal::SIGKILL);
    }
    if process::is_alive(pid, start) {
        descendants::signal(pid, Signal::SIGKILL);
    }
    // A container is no child of whoever stands for it.
    let container_gone = match first {
        Some((first, start)) => is_gone(first, start, STUBBORN).await,
        None => true,
    };
    container_gone && is_gone(pid, start, STUBBORN).await
}

/// Writes down in `file` which process runs.
pub(super) fn note(file: &Path, pid: u32) -> io::Result<()> {
    let start = process::start_of(pid).unwrap_or_default();
    std::fs::write(file, format!("{} {pid} {start}", Host::this().digest))
}

/// Ends the process that a specification's note names, if it runs on this host, and everything below
/// it. Returns whether it is gone.
pub async fn end_noted(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split(' ');
    let (host, pid, start) = (words.next(), words.next(), words.next());
    let pid = pid.and_then(|pid| pid.parse().ok());
    let start = start.and_then(|start| start.parse().ok());
    match (pid, start) {
        (Some(pid), Some(start)) if host == Some(Host::this().digest.as_str()) => {
            end_orphan(pid, start).await
        }
        _ => true,
    }
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
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("process");
        assert!(end_noted(&file).await);
        std::fs::write(&file, format!("elsewhere {pid} {start}")).unwrap();
        assert!(end_noted(&file).await);
        assert!(process::is_alive(pid, start));
        note(&file, pid).unwrap();
        let (gone, status) = tokio::join!(end_noted(&file), child.wait());
        assert!(gone && !status.unwrap().success());
    }
}

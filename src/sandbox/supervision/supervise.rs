//! Supervising a process tree: kills all of it when its owner dies.
//!
//! bubblewrap ties its sandbox to its own parent, but late: if the owner is killed during the setup,
//! the sandbox stays behind (seen with 0.8.0, in a few of a hundred tries). So `sandbox-enter` stays
//! outside as the parent of bubblewrap. It is a subreaper, whose tree no process below it can leave,
//! and it is tied to the owner before it starts anything.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::{ExitStatusExt, parent_id};
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

use crate::supervision::process_tree;

/// How often to check that the owner lives. The signal of the owner's death may arrive before its
/// last thread has ended; then it looks like a request to stop.
const OWNER_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Makes this process a subreaper, and has the kernel send it SIGTERM when `owner`, its parent, dies.
///
/// Call it after any change of user, which would undo it.
pub(crate) fn bind_to_owner(owner: u32) -> Result<(), String> {
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|errno| format!("cannot become a subreaper: {errno}"))?;
    // Not SIGKILL: this process still has to kill what runs below it.
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
        .map_err(|errno| format!("cannot watch the owner: {errno}"))?;
    ensure_parent(owner)
}

/// Has the kernel kill this process when `owner`, its parent, dies.
pub(crate) fn die_with_owner(owner: u32) -> Result<(), String> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| format!("cannot watch the owner: {errno}"))?;
    ensure_parent(owner)
}

/// The owner may have died before the kernel was asked to watch it.
fn ensure_parent(owner: u32) -> Result<(), String> {
    if parent_id() == owner {
        return Ok(());
    }
    Err("the owner has ended".to_owned())
}

/// The signal that kills the whole tree at once. A receiver that does not listen for it yet has
/// started nothing, and the signal ends it.
pub(crate) const END_ALL: Signal = Signal::SIGUSR2;

/// Runs the process that `start` starts to its end, and forwards to it the signals that ask a process
/// to stop.
///
/// With `owner` ([`bind_to_owner`]), no descendant is left when this returns. It then also returns
/// soon after the owner has died or [`END_ALL`] has arrived.
pub(crate) async fn run_supervised(
    start: impl FnOnce() -> io::Result<Child>,
    owner: Option<u32>,
) -> io::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut end_all = signal(SignalKind::user_defined2())?;
    let mut ended = signal(SignalKind::child())?;
    let mut look = tokio::time::interval(OWNER_CHECK_INTERVAL);
    let mut child = start()?;
    let status = loop {
        let received = tokio::select! {
            status = child.wait() => break status?,
            _ = terminate.recv() => Some(Signal::SIGTERM),
            _ = interrupt.recv() => Some(Signal::SIGINT),
            _ = hangup.recv() => Some(Signal::SIGHUP),
            _ = end_all.recv() => Some(END_ALL),
            _ = ended.recv() => {
                reap_orphans(&child);
                None
            }
            _ = look.tick(), if owner.is_some() => None,
        };
        if owner.is_some_and(|owner| received == Some(END_ALL) || parent_id() != owner) {
            child.kill().await?;
            break ExitStatus::from_raw(Signal::SIGKILL as i32);
        }
        if let (Some(signal), Some(pid)) = (received, child.id()) {
            process_tree::send_signal(pid, signal);
        }
    };
    if owner.is_some() {
        kill_descendants();
    }
    Ok(status)
}

/// Kills all descendants of this process, and returns when none is left.
///
/// A walk through /proc can miss a process whose parent dies meanwhile. That this process has no
/// children left to wait for is certain proof: it adopts every process that loses its parent.
fn kill_descendants() {
    for _ in 0..5000 {
        for pid in process_tree::descendants_of(std::process::id()) {
            process_tree::send_signal(pid, Signal::SIGKILL);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Reaps the dead processes that this process has adopted; each counts against the process limit.
fn reap_orphans(child: &Child) {
    let own = child.id().and_then(|pid| i32::try_from(pid).ok());
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, look) {
        // The runtime reaps the child itself.
        let Some(pid) = status.pid().filter(|pid| Some(pid.as_raw()) != own) else {
            return;
        };
        if waitpid(Pid::from_raw(pid.as_raw()), Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}

/// Returns the exit code for `status`: 128 + n if signal n ended the process.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Parses a number from the arguments of an internal subcommand.
pub(crate) fn parse_number(text: &OsStr) -> Result<u32, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{} is not a number", text.display()))
}

/// Builds a runtime with one thread.
pub(crate) fn build_runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_becomes_an_exit_code_above_128() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
    }

    #[test]
    fn binding_to_an_owner_that_is_not_the_parent_is_an_error() {
        assert_eq!(bind_to_owner(0).unwrap_err(), "the owner has ended");
    }
}

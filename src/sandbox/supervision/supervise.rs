//! Watching over a process and everything below it, and killing all of that when the owner dies.
//!
//! bubblewrap ties its sandbox to its own parent, but late: a sandbox whose owner is killed while
//! it is being set up stays behind (seen with 0.8.0, in a few of a hundred tries). So a process of
//! ours stays outside as the parent of bubblewrap. It is a subreaper, which no process below it can
//! leave, and it is tied to the owner before it starts anything.

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

/// How often to look whether the owner lives. The signal of its death may come before its last
/// thread is gone, and so look like a request.
const LOOK: Duration = Duration::from_millis(200);

/// Makes this process the one to which everything below it falls, and to which the kernel says when
/// `owner`, its parent, dies.
///
/// It must come after any change of user, which would undo it.
pub(crate) fn bind_to_owner(owner: u32) -> Result<(), String> {
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|errno| format!("cannot become a subreaper: {errno}"))?;
    // Not SIGKILL: whatever runs below must still be killed.
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
        .map_err(|errno| format!("cannot be tied to the owner: {errno}"))?;
    // It may have died before the line above.
    if parent_id() == owner {
        return Ok(());
    }
    Err("the owner is gone".to_owned())
}

/// The signal that ends everything at once. Before the receiver listens for it, it has started
/// nothing, and the signal ends it like any other.
pub(crate) const END_ALL: Signal = Signal::SIGUSR2;

/// Runs what `start` starts to its end and passes on the signals by which a process is asked to end.
///
/// With `owner` ([`tie_to`]), nothing that it started is left when this returns; which is also soon
/// after the owner has died or [`END_ALL`] has come.
pub(crate) async fn run_supervised(
    start: impl FnOnce() -> io::Result<Child>,
    owner: Option<u32>,
) -> io::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut end_all = signal(SignalKind::user_defined2())?;
    let mut ended = signal(SignalKind::child())?;
    let mut look = tokio::time::interval(LOOK);
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

/// Kills everything below this process, and returns when there is nothing.
///
/// Looking through /proc can miss a process whose parent dies meanwhile; that there are no children
/// left to wait for is certain, since whatever loses its parent becomes ours.
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

/// Takes leave of dead processes that fell to us; each would count against the limit on processes.
fn reap_orphans(child: &Child) {
    let own = child.id().and_then(|pid| i32::try_from(pid).ok());
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, look) {
        // The runtime looks after our own child.
        let Some(pid) = status.pid().filter(|pid| Some(pid.as_raw()) != own) else {
            return;
        };
        if waitpid(Pid::from_raw(pid.as_raw()), Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}

/// Returns the code of a process that ended so: 128 + n where signal n ended it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Reads a number that one of us wrote into the arguments of another.
pub(crate) fn parse_number(text: &OsStr) -> Result<u32, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{} is not a number", text.display()))
}

/// Returns a runtime of one thread.
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
    fn a_signal_becomes_a_code() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
    }

    #[test]
    fn a_child_of_another_process_is_not_reaped() {
        assert_eq!(bind_to_owner(0).unwrap_err(), "the owner is gone");
    }
}

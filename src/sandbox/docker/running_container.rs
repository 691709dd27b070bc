//! A container at work: signals, its words over the link, and its end.

use std::fs::File;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::oneshot;

use crate::docker::container_dir::ContainerDir;
use crate::inside::container::container_link::{self as link, ENDED, STANDS};
use crate::supervision::supervise;

/// How a container ends that was killed.
const KILLED: u8 = 128 + 9;

/// A container at work.
pub(crate) struct RunningContainer {
    link: UnixStream,
    /// Its first process.
    init_process: Arc<OwnedFd>,
    pid: u32,
    /// Resolved once that and everything else in the container is gone.
    exited: oneshot::Receiver<()>,
}

/// What happens while it works.
enum ContainerEvent {
    /// Somebody asks for this.
    Signal(Signal),
    /// A word came over the link.
    Message(u8),
    /// The link broke.
    LinkClosed,
    /// Everything in the container is gone.
    Exited,
}

impl RunningContainer {
    /// Takes up the container that is at the other end of `link`.
    pub(crate) fn new(link: UnixStream, stage: &ContainerDir) -> Result<Self, String> {
        let unseen = "its processes cannot be seen from here; the engine must run on this host";
        let pid = link.peer_cred().ok().and_then(|peer| peer.pid());
        let handle = pid.and_then(Pid::from_raw).ok_or(unseen)?;
        let first = Arc::new(pidfd_open(handle, PidfdFlags::empty()).map_err(|_| unseen)?);
        let pid = handle.as_raw_nonzero().get().unsigned_abs();
        stage
            .write_first_process(pid)
            .map_err(|error| format!("cannot note the container: {error}"))?;
        Ok(Self {
            link,
            exited: wait_for_exit(Arc::clone(&first)),
            init_process: first,
            pid,
        })
    }

    /// Hands over the streams and the order, see [`link::hand_over`].
    pub(crate) fn send_streams(&self, fds: [BorrowedFd<'_>; link::COUNT]) -> std::io::Result<()> {
        link::send_fds(&self.link, fds)
    }

    /// Looks after it to its end; returns the code of its program.
    pub(crate) async fn run_to_end(
        mut self,
        requests: &mut ForwardedSignals,
        mut report: Option<File>,
    ) -> u8 {
        write_status(report.as_mut(), "child-pid", self.pid);
        let (mut code, mut stands, mut silent) = (None, false, false);
        loop {
            match self.next_event(requests, silent).await {
                ContainerEvent::Signal(supervise::END_ALL) => self.kill(),
                ContainerEvent::Signal(signal) => {
                    let number = u8::try_from(signal as i32).unwrap_or(0);
                    let _ = self.link.write_all(&[number]).await;
                }
                ContainerEvent::Message(STANDS) => stands = true,
                ContainerEvent::Message(ENDED) => code = self.link.read_u8().await.ok(),
                ContainerEvent::Message(_) => {}
                ContainerEvent::LinkClosed => silent = true,
                ContainerEvent::Exited => break,
            }
        }
        // It may have said so in its last moment.
        while let (None, Ok(word)) = (code, self.link.read_u8().await) {
            match word {
                STANDS => stands = true,
                ENDED => code = self.link.read_u8().await.ok(),
                _ => {}
            }
        }
        let code = code.unwrap_or(KILLED);
        if stands {
            write_status(report.as_mut(), "exit-code", code.into());
        }
        code
    }

    async fn next_event(
        &mut self,
        requests: &mut ForwardedSignals,
        silent: bool,
    ) -> ContainerEvent {
        tokio::select! {
            biased;
            signal = requests.next() => ContainerEvent::Signal(signal),
            word = self.link.read_u8(), if !silent => word.map_or(ContainerEvent::LinkClosed, ContainerEvent::Message),
            _ = &mut self.exited => ContainerEvent::Exited,
        }
    }

    /// Kills the first process, and the kernel all others with it.
    fn kill(&self) {
        // It may have ended by itself.
        let _ = pidfd_send_signal(&self.init_process, rustix::process::Signal::KILL);
    }
}

/// Waits, in a thread of its own, for the end of a process.
fn wait_for_exit(process: Arc<OwnedFd>) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    // Where there is no thread, the sender is dropped, and the container is taken to have ended:
    // then this process ends, and so does the container.
    let _ = std::thread::Builder::new().spawn(move || {
        let mut polled = [PollFd::new(&*process, PollFlags::IN)];
        while let Err(rustix::io::Errno::INTR) = rustix::event::poll(&mut polled, None) {}
        let _ = sender.send(());
    });
    receiver
}

/// Reports a number in the form of `bwrap --json-status-fd`.
fn write_status(report: Option<&mut File>, name: &str, number: u32) {
    if let Some(report) = report {
        // Nobody listening any more: then nobody asks.
        let _ = writeln!(report, "{{\"{name}\": {number}}}");
    }
}

/// The signals by which something is asked of this process.
pub(crate) struct ForwardedSignals {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
    end_all: Listener,
}

impl ForwardedSignals {
    /// Listens from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            end_all: signal(SignalKind::user_defined2())?,
        })
    }

    /// Returns the next of them.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.hangup.recv() => Signal::SIGHUP,
            _ = self.end_all.recv() => supervise::END_ALL,
        }
    }
}

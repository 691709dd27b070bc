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

use super::super::supervise;
use super::link::{self, ENDED, STANDS};
use super::stage::Stage;

/// How a container ends that was killed.
const KILLED: u8 = 128 + 9;

/// A container at work.
pub(super) struct Running {
    link: UnixStream,
    /// Its first process.
    first: Arc<OwnedFd>,
    pid: u32,
    /// Resolved once that and everything else in the container is gone.
    gone: oneshot::Receiver<()>,
}

/// What happens while it works.
enum Happening {
    /// Somebody asks for this.
    Request(Signal),
    /// A word came over the link.
    Word(u8),
    /// The link broke.
    Silence,
    /// Everything in the container is gone.
    End,
}

impl Running {
    /// Takes up the container that is at the other end of `link`.
    pub(super) fn new(link: UnixStream, stage: &Stage) -> Result<Self, String> {
        let unseen = "its processes cannot be seen from here; the engine must run on this host";
        let pid = link.peer_cred().ok().and_then(|peer| peer.pid());
        let handle = pid.and_then(Pid::from_raw).ok_or(unseen)?;
        let first = Arc::new(pidfd_open(handle, PidfdFlags::empty()).map_err(|_| unseen)?);
        let pid = handle.as_raw_nonzero().get().unsigned_abs();
        stage
            .holds(pid)
            .map_err(|error| format!("cannot note the container: {error}"))?;
        Ok(Self {
            link,
            gone: end_of(Arc::clone(&first)),
            first,
            pid,
        })
    }

    /// Hands over the streams and the order, see [`link::hand_over`].
    pub(super) fn take_over(&self, fds: [BorrowedFd<'_>; link::COUNT]) -> std::io::Result<()> {
        link::hand_over(&self.link, fds)
    }

    /// Looks after it to its end; returns the code of its program.
    pub(super) async fn attend(mut self, requests: &mut Requests, mut report: Option<File>) -> u8 {
        write(report.as_mut(), "child-pid", self.pid);
        let (mut code, mut stands, mut silent) = (None, false, false);
        loop {
            match self.next(requests, silent).await {
                Happening::Request(supervise::END_ALL) => self.kill(),
                Happening::Request(signal) => {
                    let number = u8::try_from(signal as i32).unwrap_or(0);
                    let _ = self.link.write_all(&[number]).await;
                }
                Happening::Word(STANDS) => stands = true,
                Happening::Word(ENDED) => code = self.link.read_u8().await.ok(),
                Happening::Word(_) => {}
                Happening::Silence => silent = true,
                Happening::End => break,
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
            write(report.as_mut(), "exit-code", code.into());
        }
        code
    }

    async fn next(&mut self, requests: &mut Requests, silent: bool) -> Happening {
        tokio::select! {
            biased;
            signal = requests.next() => Happening::Request(signal),
            word = self.link.read_u8(), if !silent => word.map_or(Happening::Silence, Happening::Word),
            _ = &mut self.gone => Happening::End,
        }
    }

    /// Kills the first process, and the kernel all others with it.
    fn kill(&self) {
        // It may have ended by itself.
        let _ = pidfd_send_signal(&self.first, rustix::process::Signal::KILL);
    }
}

/// Waits, in a thread of its own, for the end of a process.
fn end_of(process: Arc<OwnedFd>) -> oneshot::Receiver<()> {
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
fn write(report: Option<&mut File>, name: &str, number: u32) {
    if let Some(report) = report {
        // Nobody listening any more: then nobody asks.
        let _ = writeln!(report, "{{\"{name}\": {number}}}");
    }
}

/// The signals by which something is asked of this process.
pub(super) struct Requests {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
    end_all: Listener,
}

impl Requests {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            end_all: signal(SignalKind::user_defined2())?,
        })
    }

    /// Returns the next of them.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.hangup.recv() => Signal::SIGHUP,
            _ = self.end_all.recv() => supervise::END_ALL,
        }
    }
}

//! A running container: signals, messages over the link, and its end.

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

use super::container_dir::ContainerDir;
use crate::inside::container::container_link::{self as link, ENDED, STARTED};
use crate::supervision::{container_process, supervise};

/// The exit code of a container that was killed.
const KILLED: u8 = 128 + 9;

/// A running container.
pub(crate) struct RunningContainer {
    link: UnixStream,
    /// The first process.
    init_process: Arc<OwnedFd>,
    pid: u32,
    /// Resolves once all processes in the container have ended.
    exited: oneshot::Receiver<()>,
}

enum ContainerEvent {
    /// This process got a signal that the container must get.
    Signal(Signal),
    /// A message arrived over the link.
    Message(u8),
    LinkClosed,
    /// All processes in the container have ended.
    Exited,
}

/// What the container reported about its program.
#[derive(Default)]
struct ProgramReport {
    started: bool,
    exit_code: Option<u8>,
}

impl ProgramReport {
    async fn read(&mut self, message: u8, link: &mut UnixStream) {
        match message {
            STARTED => self.started = true,
            ENDED => self.exit_code = link.read_u8().await.ok(),
            _ => {}
        }
    }
}

impl RunningContainer {
    /// Returns the container at the other end of `link`.
    pub(crate) fn new(link: UnixStream, directory: &ContainerDir) -> Result<Self, String> {
        let unseen =
            "the processes of the container are not visible here; the engine must run on this host";
        let pid = link.peer_cred().ok().and_then(|peer| peer.pid());
        let handle = pid.and_then(Pid::from_raw).ok_or(unseen)?;
        let first = Arc::new(pidfd_open(handle, PidfdFlags::empty()).map_err(|_| unseen)?);
        let pid = handle.as_raw_nonzero().get().unsigned_abs();
        container_process::write_first_process(&directory.path, pid)
            .map_err(|error| format!("cannot record the process of the container: {error}"))?;
        Ok(Self {
            link,
            exited: wait_for_exit(Arc::clone(&first)),
            init_process: first,
            pid,
        })
    }

    /// Sends the streams and the configuration, see [`link::send_fds`].
    pub(crate) fn send_streams(&self, fds: [BorrowedFd<'_>; link::COUNT]) -> std::io::Result<()> {
        link::send_fds(&self.link, fds)
    }

    /// Forwards signals until the container has ended. Returns the exit code of its program.
    pub(crate) async fn run_to_end(
        mut self,
        signals: &mut ForwardedSignals,
        mut status: Option<File>,
    ) -> u8 {
        write_status(status.as_mut(), "child-pid", self.pid);
        let (mut program, mut closed) = (ProgramReport::default(), false);
        loop {
            match self.next_event(signals, closed).await {
                ContainerEvent::Signal(supervise::END_ALL) => self.kill(),
                ContainerEvent::Signal(signal) => {
                    let number = u8::try_from(signal as i32).unwrap_or(0);
                    let _ = self.link.write_all(&[number]).await;
                }
                ContainerEvent::Message(message) => program.read(message, &mut self.link).await,
                ContainerEvent::LinkClosed => closed = true,
                ContainerEvent::Exited => break,
            }
        }
        // Messages of the last moment may not have been read yet.
        while let (None, Ok(message)) = (program.exit_code, self.link.read_u8().await) {
            program.read(message, &mut self.link).await;
        }
        let code = program.exit_code.unwrap_or(KILLED);
        if program.started {
            write_status(status.as_mut(), "exit-code", code.into());
        }
        code
    }

    async fn next_event(&mut self, signals: &mut ForwardedSignals, closed: bool) -> ContainerEvent {
        tokio::select! {
            biased;
            signal = signals.next() => ContainerEvent::Signal(signal),
            message = self.link.read_u8(), if !closed => message.map_or(ContainerEvent::LinkClosed, ContainerEvent::Message),
            _ = &mut self.exited => ContainerEvent::Exited,
        }
    }

    /// Kills the first process; the kernel then kills all others.
    fn kill(&self) {
        // The process may have ended by itself.
        let _ = pidfd_send_signal(&self.init_process, rustix::process::Signal::KILL);
    }
}

/// Waits in a thread of its own for the end of a process.
fn wait_for_exit(process: Arc<OwnedFd>) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    // If the thread cannot start, the sender is dropped, and the container counts as ended: then this
    // process ends, and the container with it.
    let _ = std::thread::Builder::new().spawn(move || {
        let mut polled = [PollFd::new(&*process, PollFlags::IN)];
        while let Err(rustix::io::Errno::INTR) = rustix::event::poll(&mut polled, None) {}
        let _ = sender.send(());
    });
    receiver
}

/// Writes a number in the form of `bwrap --json-status-fd`.
fn write_status(status: Option<&mut File>, name: &str, number: u32) {
    if let Some(status) = status {
        // This fails if the reader has closed the pipe; then the status is not needed.
        let _ = writeln!(status, "{{\"{name}\": {number}}}");
    }
}

/// The signals that are forwarded to the container.
pub(crate) struct ForwardedSignals {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
    end_all: Listener,
}

impl ForwardedSignals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            end_all: signal(SignalKind::user_defined2())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.hangup.recv() => Signal::SIGHUP,
            _ = self.end_all.recv() => supervise::END_ALL,
        }
    }
}

//! `eklavya sandbox-docker`: the process that stands for a container towards whoever starts it.
//!
//! It has the engine make and start the container, hands it the standard streams, and from then on
//! needs the engine no more: signals and the exit code go over the link ([`super::link`]), the end
//! of the container is the end of a process of this host. It may be killed in any way: the link
//! breaks then, and the container ends with it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, RemoveContainerOptions, StartContainerOptions,
};
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::oneshot;

use super::super::spec::User;
use super::super::{relay, supervise};
use super::engine::Engine;
use super::link::{self, ENDED, STANDS};
use super::mark::Mark;
use super::stage::Stage;

/// The subcommand's name.
pub const NAME: &str = "sandbox-docker";

/// How long a container may take from its start to its first word.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes kept of what a container says that never comes to its first word.
const WORDS: usize = 4096;
/// Stands for "no report is asked for".
const NO_REPORT: &str = "-";
/// How a container ends that was killed.
const KILLED: u8 = 128 + 9;

/// What it is told, as JSON in a file in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub engine: Engine,
    pub stage: Stage,
    pub body: ContainerCreateBody,
    /// Whom the processes of the container run as.
    pub uid: u32,
    pub gid: u32,
}

/// Returns the arguments, with the numbers of the descriptors that go along.
pub(super) fn arguments(plan: i32, order: i32, report: Option<i32>) -> [OsString; 5] {
    let report = report.map_or_else(|| NO_REPORT.to_owned(), |fd| fd.to_string());
    [
        NAME.into(),
        std::process::id().to_string().into(),
        plan.to_string().into(),
        order.to_string().into(),
        report.into(),
    ]
}

/// Runs the container to its end, passes on signals and its code.
///
/// # Errors
/// It could not be made or started, or the owner is gone.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, plan, order, report] = args else {
        return Err("it is for internal use: OWNER PLAN ORDER REPORT".to_owned());
    };
    relay::die_with(supervise::number(owner)?)?;
    let plan: Plan = serde_json::from_reader(take(plan, OpenOptions::new().read(true))?)
        .map_err(|error| format!("its plan cannot be read: {error}"))?;
    let order = take(order, OpenOptions::new().read(true))?;
    let report = match report.to_str() {
        Some(NO_REPORT) => None,
        _ => Some(take(report, OpenOptions::new().write(true))?),
    };
    supervise::runtime()?.block_on(attend(&plan, order, report))
}

/// Opens what the descriptor of this number stands for anew, and closes the number.
fn take(number: &OsStr, options: &OpenOptions) -> Result<File, String> {
    let number = supervise::number(number)?;
    let failed = |error: std::io::Error| format!("descriptor {number}: {error}");
    let file = options.open(format!("/proc/self/fd/{number}"));
    let file = file.map_err(failed)?;
    nix::unistd::close(i32::try_from(number).unwrap_or(-1))
        .map_err(|errno| failed(errno.into()))?;
    Ok(file)
}

async fn attend(plan: &Plan, order: File, report: Option<File>) -> Result<u8, String> {
    let stage = &plan.stage;
    let mut requests = Requests::listen().map_err(|error| error.to_string())?;
    std::env::set_current_dir(&stage.path)
        .and_then(|()| stage.owned_by(std::process::id()))
        .map_err(|error| format!("cannot use {}: {error}", stage.path.display()))?;
    let begun = tokio::select! {
        begun = begin(plan, order) => begun,
        signal = requests.next() => Err(format!("it was stopped by {signal} before it began")),
    };
    let ended = match begun {
        Ok(running) => Ok(running.to_the_end(&mut requests, report).await),
        Err(error) => {
            remove(plan).await;
            Err(error)
        }
    };
    stage.remove();
    ended
}

/// Removes the container, if it was made.
async fn remove(plan: &Plan) {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        ..RemoveContainerOptions::default()
    };
    if let Ok(client) = plan.engine.connect() {
        let name = plan.stage.container();
        // Where the engine is away, the next worker that starts removes it.
        let _ = client.remove_container(&name, Some(options)).await;
    }
}

/// Has the container made and started, and hands it its streams.
async fn begin(plan: &Plan, order: File) -> Result<Running, String> {
    let said = |error: super::DockerError| error.to_string();
    let (stage, engine) = (&plan.stage, &plan.engine);
    let user = User {
        uid: plan.uid,
        gid: plan.gid,
    };
    let listener = stage
        .listen(user)
        .map_err(|error| format!("cannot listen in {}: {error}", stage.path.display()))?;
    let client = engine.connect().map_err(said)?;
    let mut body = plan.body.clone();
    Mark::of_this_process().write(body.labels.get_or_insert_default());
    let name = stage.container();
    let options = CreateContainerOptions {
        name: Some(name.clone()),
        ..CreateContainerOptions::default()
    };
    let refused = |what| move |error| said(engine.refusal(what, &error));
    client
        .create_container(Some(options), body)
        .await
        .map_err(refused("make a container"))?;
    let options = AttachContainerOptions {
        stream: true,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let words = client
        .attach_container(&name, Some(options))
        .await
        .map_err(refused("listen to a container"))?
        .output;
    client
        .start_container(&name, None::<StartContainerOptions>)
        .await
        .map_err(refused("start a container"))?;
    let link = tokio::select! {
        link = greet(&listener, order) => link?,
        last_words = last_words(words) => return Err(unfit(&last_words)),
        () = tokio::time::sleep(PATIENCE) => return Err(format!(
            "the container said nothing within {} s", PATIENCE.as_secs()
        )),
    };
    // Whoever is in there has no use for it.
    let _ = stage.close();
    Running::new(link, stage)
}

/// Lets the container in and hands it the streams of this process, which lets go of them.
async fn greet(listener: &UnixListener, order: File) -> Result<UnixStream, String> {
    let failed = |error: std::io::Error| format!("cannot greet the container: {error}");
    let (link, _) = listener.accept().await.map_err(failed)?;
    let streams = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let fds = [
        streams.0.as_fd(),
        streams.1.as_fd(),
        streams.2.as_fd(),
        order.as_fd(),
    ];
    link::hand_over(&link, fds).map_err(failed)?;
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null");
    let nothing = nothing.map_err(failed)?;
    rustix::stdio::dup2_stdin(&nothing)
        .and_then(|()| rustix::stdio::dup2_stdout(&nothing))
        .map_err(|errno| failed(errno.into()))?;
    Ok(link)
}

/// Returns what a container says until it ends.
async fn last_words(
    mut words: impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
) -> String {
    let mut kept = Vec::new();
    while let Some(Ok(word)) = words.next().await {
        kept.extend_from_slice(&word.into_bytes());
        kept.truncate(WORDS);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Explains the end of a container that never came to its first word.
fn unfit(said: &str) -> String {
    match said {
        "" => "the container ended before it began".to_owned(),
        // What the loader says where a symbol's version is missing.
        said if said.contains("GLIBC_") || said.contains("loading shared libraries") => {
            let reason = said.to_owned();
            super::DockerError::Unfit { reason }.to_string()
        }
        said => format!("the container ended before it began: {said}"),
    }
}

/// A container at work.
struct Running {
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
    fn new(link: UnixStream, stage: &Stage) -> Result<Self, String> {
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

    /// Returns the code of its program.
    async fn to_the_end(mut self, requests: &mut Requests, mut report: Option<File>) -> u8 {
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
struct Requests {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
    end_all: Listener,
}

impl Requests {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            end_all: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.hangup.recv() => Signal::SIGHUP,
            _ = self.end_all.recv() => supervise::END_ALL,
        }
    }
}

//! Previews: the server of a demo in a sandbox, reached through a port of 127.0.0.1 on the host.

pub mod static_server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eklavya_core::backoff::Backoff;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::error::SandboxError;
use crate::inside::door::WEB_SOCKET;
use crate::inside::forward;
use crate::open_beneath;
use crate::run::child::{SandboxChild, SandboxExit};
use crate::run::command;
use crate::run::disk_usage::wait_for_disk_quota;
use crate::run::head_tail_buffer::HeadTailBuffer;
use crate::run::sandbox::{IsolationBackend, Sandbox};
use crate::spec::{MountAccess, ProgramSpec, SandboxProfile, SandboxSpec};

/// The bytes of the server's output that are kept.
const OUTPUT_BYTES: usize = 16 * 1024;
/// The shortest and the longest interval between two health checks. It starts short, because most
/// servers start quickly.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(5);
const MAX_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How long one health check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// What a preview shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewSource {
    /// The files of a directory.
    Static {
        /// The directory, relative to the tree.
        directory: PathBuf,
    },
    /// A server that a command starts.
    Command {
        /// A line for `/bin/sh -c`, started in the tree.
        line: String,
        /// The port on which the server listens; the variable `PORT` contains it as well. Every preview
        /// has a network of its own, so several previews may use the same port.
        port: u16,
    },
}

/// How to start a preview.
#[derive(Debug, Clone)]
pub struct PreviewSpec {
    /// The tree and its directories. A door is required; the source determines the profile.
    pub spec: SandboxSpec,
    pub source: PreviewSource,
    /// The environment of the command.
    pub env: Vec<(String, String)>,
    /// The port of 127.0.0.1 on the host; 0 for a free one.
    pub listen: u16,
}

/// Why a preview failed.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("a preview needs a directory for its socket")]
    NoDoor,
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}; choose another port or stop the program that uses it"
    )]
    Listen {
        /// The requested port on the host.
        port: u16,
        source: io::Error,
    },
    #[error(
        "the server of the preview ended ({exit:?}) before it answered{}",
        server_output_suffix(output)
    )]
    Ended {
        exit: SandboxExit,
        /// What the server printed.
        output: String,
    },
    /// The server did not respond with success in time.
    #[error("{url} did not answer within {} s ({last}){}", within.as_secs_f32(), server_output_suffix(output))]
    Unhealthy {
        url: String,
        within: Duration,
        /// The last response or error.
        last: String,
        /// What the server printed.
        output: String,
    },
}

/// Returns the output of a server as the end of a sentence; empty if it printed nothing.
fn server_output_suffix(output: &str) -> String {
    match output.trim() {
        "" => String::new(),
        words => format!("; its server printed:\n{words}"),
    }
}

/// A running preview. Dropping it ends the server.
#[derive(Debug)]
pub struct PreviewServer {
    address: SocketAddr,
    child: SandboxChild,
    output: Arc<Mutex<HeadTailBuffer>>,
    proxy: JoinHandle<()>,
    reader: JoinHandle<()>,
    /// Kills the server if it exceeds its disk quota.
    quota_task: JoinHandle<()>,
}

impl PreviewServer {
    /// Starts the server, and listens on the host. [`PreviewServer::wait_until_healthy`] waits for its
    /// first response.
    ///
    /// # Errors
    /// The port is in use, or the sandbox cannot be started.
    pub async fn start(sandbox: &Sandbox, preview: PreviewSpec) -> Result<Self, PreviewError> {
        let port = preview.listen;
        let listen = |source| PreviewError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let door = preview.spec.door.clone().ok_or(PreviewError::NoDoor)?;
        let (spec, program) = preview_program(sandbox, preview).map_err(listen)?;
        let (child, pipe) = command::spawn_with_output(sandbox, &spec, program).await?;
        let output = Arc::new(Mutex::new(HeadTailBuffer::new(
            OUTPUT_BYTES,
            &spec.redactor,
        )));
        let quota_task = tokio::spawn(enforce_disk_quota(
            spec,
            open_pidfd(&child)?,
            child.pid(),
            Arc::clone(&output),
        ));
        Ok(Self {
            quota_task,
            address,
            child,
            proxy: tokio::spawn(accept_clients(listener, door)),
            reader: tokio::spawn(collect_output(pipe, Arc::clone(&output))),
            output,
        })
    }

    /// Returns the address on the host.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of `path` on the host.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// Returns the process id of the server's sandbox on the host.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Returns the beginning and the end of what the server has printed so far.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text()
    }

    /// Requests `path` on the public port until the response has a status of 2xx or 3xx. Returns the
    /// status.
    ///
    /// # Errors
    /// The server ended, or there was no such response within `timeout`. Both errors contain the output.
    pub async fn wait_until_healthy(
        &mut self,
        path: &str,
        timeout: Duration,
    ) -> Result<u16, PreviewError> {
        let started = Instant::now();
        let mut backoff = Backoff::new(MIN_CHECK_INTERVAL, MAX_CHECK_INTERVAL);
        loop {
            if let Some(exit) = self.child.try_wait().await? {
                let output = self.drain_output().await;
                return Err(PreviewError::Ended { exit, output });
            }
            let last =
                match tokio::time::timeout(CHECK_TIMEOUT, get_status(self.address, path)).await {
                    Ok(Ok(status @ 200..=399)) => return Ok(status),
                    Ok(Ok(status)) => format!("status {status}"),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "no response".to_owned(),
                };
            if started.elapsed() >= timeout {
                return Err(PreviewError::Unhealthy {
                    url: self.url(path),
                    within: timeout,
                    last,
                    output: self.output(),
                });
            }
            backoff.wait().await;
        }
    }

    /// Waits until the server ends.
    pub async fn wait(&mut self) -> Result<SandboxExit, SandboxError> {
        self.child.wait().await
    }

    /// Kills the server and closes the port.
    pub async fn stop(mut self) -> Result<(), SandboxError> {
        self.proxy.abort();
        self.child.kill_tree().await.map(|_| ())
    }

    /// Returns the output after its end, or after a second at most.
    async fn drain_output(&mut self) -> String {
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.reader).await;
        self.output()
    }
}

impl Drop for PreviewServer {
    fn drop(&mut self) {
        self.proxy.abort();
        self.reader.abort();
        self.quota_task.abort();
    }
}

/// Returns the program of the preview and the specification of its sandbox.
fn preview_program(
    sandbox: &Sandbox,
    preview: PreviewSpec,
) -> io::Result<(SandboxSpec, ProgramSpec)> {
    let PreviewSpec {
        mut spec,
        source,
        env,
        ..
    } = preview;
    let (access, port, program) = match source {
        PreviewSource::Static { directory } => {
            let port = static_port(sandbox)?;
            let directory = spec.workspace.join(directory).into_os_string();
            let args = [
                static_server::NAME.into(),
                directory,
                port.to_string().into(),
            ];
            (
                MountAccess::Read,
                port,
                ProgramSpec::new(sandbox.own_program(), args),
            )
        }
        PreviewSource::Command { line, port } => {
            let program = ProgramSpec::new("/bin/sh", ["-c", line.as_str()]);
            (
                MountAccess::Write,
                port,
                program.env("PORT", port.to_string()),
            )
        }
    };
    spec.profile = SandboxProfile::Preview { access, port };
    Ok((
        spec,
        env.into_iter()
            .fold(program, |program, (name, value)| program.env(name, value)),
    ))
}

/// Returns a port for `sandbox-serve`: any port in a network of its own, or a free port of the host.
fn static_port(sandbox: &Sandbox) -> io::Result<u16> {
    match sandbox.isolation() {
        IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => Ok(8080),
        IsolationBackend::None => {
            let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
            Ok(std::net::TcpListener::bind(any)?.local_addr()?.port())
        }
    }
}

/// Returns a handle of the server's outermost process. Unlike a process id, it is never reused.
fn open_pidfd(child: &SandboxChild) -> Result<OwnedFd, SandboxError> {
    let number = i32::try_from(child.pid()).ok().and_then(Pid::from_raw);
    let handle = number
        .ok_or(Errno::SRCH)
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
    handle.map_err(|errno| SandboxError::Wait {
        source: errno.into(),
    })
}

async fn enforce_disk_quota(
    spec: SandboxSpec,
    server: OwnedFd,
    pid: u32,
    output: Arc<Mutex<HeadTailBuffer>>,
) {
    let exceeded = wait_for_disk_quota(vec![spec.workspace, spec.home], spec.disk_bytes, pid).await;
    let line = format!("the preview was ended: {exceeded}\n");
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    output.push(line.as_bytes());
    // The server may have ended by itself.
    let _ = pidfd_send_signal(&server, Signal::USR2);
}

async fn collect_output(mut pipe: pipe::Receiver, output: Arc<Mutex<HeadTailBuffer>>) {
    let mut chunk = vec![0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.push(&chunk[..count]);
    }
    output
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .finish();
}

async fn accept_clients(listener: TcpListener, door: PathBuf) {
    loop {
        if let Some(client) = forward::accept_or_pause(listener.accept().await).await {
            let _ = client.set_nodelay(true);
            let door = door.clone();
            tokio::spawn(forward::copy_both_ways(client, async move {
                connect_to_door(&door).await
            }));
        }
    }
}

/// Connects to the socket that the preview created in its door.
///
/// The preview may have replaced it by something else; a link to another socket of the host is not
/// followed.
async fn connect_to_door(door: &Path) -> io::Result<UnixStream> {
    let directory = open_beneath::open_directory(door).map_err(io::Error::other)?;
    let socket = rustix::fs::openat2(
        &directory,
        WEB_SOCKET,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )?;
    let stat = rustix::fs::fstat(&socket)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
    UnixStream::connect(format!("/proc/self/fd/{fd}")).await
}

/// Returns the status of the response to `GET path`.
async fn get_status(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let path = path.trim_start_matches('/');
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    // "HTTP/1.1 200"
    while response.len() < 12 {
        if stream.read_buf(&mut response).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8_lossy(&response[..12])
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP"))
}

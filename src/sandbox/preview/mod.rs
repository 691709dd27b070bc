//! Previews: the server of a demo in a sandbox, reached through a port of 127.0.0.1 on the host.

mod clients;
mod error;
mod health;
mod program;
pub mod static_server;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eklavya_core::backoff::Backoff;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use self::clients::accept_clients;
pub use self::error::PreviewError;
use self::health::check_health;
pub use self::program::PreviewSource;
use self::program::preview_program;
use crate::error::SandboxError;
use crate::run::child::{SandboxChild, SandboxExit};
use crate::run::command;
use crate::run::disk_usage::wait_for_disk_quota;
use crate::run::head_tail_buffer::HeadTailBuffer;
use crate::run::sandbox::Sandbox;
use crate::spec::SandboxSpec;

/// The bytes of the server's output that are kept.
const OUTPUT_BYTES: usize = 16 * 1024;
/// The shortest and the longest interval between two health checks. It starts short, because most
/// servers start quickly.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(5);
const MAX_CHECK_INTERVAL: Duration = Duration::from_millis(100);

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
        let output = HeadTailBuffer::new(OUTPUT_BYTES, &spec.redactor);
        let output = Arc::new(Mutex::new(output));
        let (server, pid) = (open_pidfd(&child)?, child.pid());
        let quota_task = tokio::spawn(enforce_disk_quota(spec, server, pid, Arc::clone(&output)));
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
            let last = match check_health(self.address, path).await {
                Ok(status) => return Ok(status),
                Err(reason) => reason,
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

//! The thread that starts sandboxes.
//!
//! A sandbox dies with its parent (`PR_SET_PDEATHSIG`), and for the kernel the parent is the *thread*
//! that started it. The blocking threads of a runtime end when they are idle, which would kill the
//! sandbox; this thread does not end.

use std::io;
use std::sync::{OnceLock, mpsc};
use std::thread;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct SpawnJob {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

static JOBS: OnceLock<mpsc::Sender<SpawnJob>> = OnceLock::new();

/// Starts `command` from a thread that lives as long as this process.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    let (reply, answer) = oneshot::channel();
    let job = SpawnJob {
        command,
        runtime: Handle::current(),
        reply,
    };
    let ended = || io::Error::other("the thread that starts sandboxes has ended");
    JOBS.get_or_init(start_thread)
        .send(job)
        .map_err(|_| ended())?;
    answer.await.map_err(|_| ended())?
}

/// Starts the thread. If that fails, its end of the channel is dropped, and every job fails.
fn start_thread() -> mpsc::Sender<SpawnJob> {
    let (sender, jobs) = mpsc::channel::<SpawnJob>();
    let _ = thread::Builder::new()
        .name("sandbox-spawner".to_owned())
        .spawn(move || {
            for mut job in jobs {
                let _runtime = job.runtime.enter();
                // If the caller no longer waits, the child is dropped, which kills it.
                let _ = job.reply.send(job.command.spawn());
            }
        });
    sender
}

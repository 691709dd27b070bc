//! The thread that starts sandboxes.
//!
//! A sandbox dies with its parent (`PR_SET_PDEATHSIG`), and for the kernel the parent is the
//! *thread* that started it. A runtime's blocking threads retire when idle and would take a sandbox
//! along; this thread stays.

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
    let gone = || io::Error::other("the thread that starts sandboxes is gone");
    JOBS.get_or_init(start_thread)
        .send(job)
        .map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

/// Starts the thread. If that fails, its end of the channel is dropped and every job is refused.
fn start_thread() -> mpsc::Sender<SpawnJob> {
    let (sender, jobs) = mpsc::channel::<SpawnJob>();
    let _ = thread::Builder::new()
        .name("sandbox-spawner".to_owned())
        .spawn(move || {
            for mut job in jobs {
                let _runtime = job.runtime.enter();
                // Nobody waiting any more: dropping the child kills it.
                let _ = job.reply.send(job.command.spawn());
            }
        });
    sender
}

//! Starting a background worker if no running worker can take a job.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::process::Child;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::job::{Job, JobState};
use eklavya_core::process::{self, HostIdentity};
use eklavya_core::project::Project;
use eklavya_engine::DataDirectoryPaths;
use eklavya_services::workers::{self, WorkerHealth};
use eklavya_services::{DataStore, jobs};
use tokio::time::Instant;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::CommandInvocation;
use crate::stage::run_factory::current_program;

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The longest wait for a worker to register: far more than it takes on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How many logs of workers are kept.
const KEPT_LOGS: usize = 20;
/// How many bytes of the log are shown if a worker does not start.
const LOG_TAIL_BYTES: usize = 2000;

/// Makes sure that a worker runs that can do `job`. Returns the path of the log if it started a worker.
pub async fn ensure_worker(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
    job: &Job,
) -> Result<Option<String>, CommandError> {
    let home = &invocation.home.path;
    // If several commands run at the same time, the first one starts a worker and the others find it.
    let _lock = lock_worker_start(home).await?;
    if is_served(home, data, project).await? {
        return Ok(None);
    }
    let (path, log) = open_log(home).map_err(|error| unwritable_error(home, &error))?;
    let mut child = spawn_worker(invocation, log)?;
    let deadline = Instant::now() + START_TIMEOUT;
    while !has_registered(data, &child, job).await? {
        // The worker may have done the job and exited before this look.
        match child.try_wait() {
            Ok(Some(status)) if !status.success() => return Err(worker_start_error(&path)),
            Ok(Some(_)) => break,
            Ok(None) | Err(_) if Instant::now() > deadline => {
                return Err(worker_start_error(&path));
            }
            Ok(None) | Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
    Ok(Some(path.into_string()))
}

/// Whether a running worker can take jobs of this project.
async fn is_served(
    home: &Utf8Path,
    data: &DataStore,
    project: &Project,
) -> Result<bool, CommandError> {
    let paths = DataDirectoryPaths::new(home.as_std_path());
    let directory = paths
        .ensure_identity()
        .map_err(|error| unwritable_error(home, &error))?;
    // If the project has no files here, a worker of any data directory may be able to take it.
    let anywhere = !paths.project(project).repository().exists();
    let workers = workers::list(data).await?;
    Ok(workers.iter().any(|worker| {
        let alive = workers::health_of(data, worker) == WorkerHealth::Alive && !worker.draining;
        alive && (anywhere || worker.directory == directory)
    }))
}

async fn has_registered(data: &DataStore, child: &Child, job: &Job) -> Result<bool, CommandError> {
    let workers = workers::list(data).await?;
    let host = HostIdentity::current().digest;
    if workers
        .iter()
        .any(|worker| worker.pid == child.id() && worker.host == host)
    {
        return Ok(true);
    }
    let job = jobs::reload(data, job).await?;
    Ok(!matches!(job.state, JobState::Queued { .. }))
}

fn spawn_worker(invocation: &CommandInvocation, log: File) -> Result<Child, CommandError> {
    let program = current_program()?;
    let home = invocation.home.path.as_str();
    let arguments = ["--home", home, "worker", "--until-idle", "--detached"];
    process::spawn_detached(&program, &arguments, log).map_err(|error| {
        let message = format!("cannot start a worker: {error}");
        CommandError::new(CommandErrorKind::Environment, message)
            .with_hint("Start one: eklavya worker")
    })
}

/// Takes the lock that keeps other commands from starting a worker at the same time.
async fn lock_worker_start(home: &Utf8Path) -> Result<File, CommandError> {
    let path = home.join("worker.lock");
    let open = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let lock = open.map_err(|error| unwritable_error(home, &error))?;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL_INTERVAL).await,
            Err(TryLockError::Error(error)) => return Err(unwritable_error(home, &error)),
        }
    }
}

/// Creates a log that only this user can read, and removes the oldest logs.
fn open_log(home: &Utf8Path) -> io::Result<(Utf8PathBuf, File)> {
    let directory = home.join("logs");
    if !directory.exists() {
        DirBuilder::new().mode(0o700).create(&directory)?;
    }
    let mut logs: Vec<(u64, Utf8PathBuf)> = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let path = entry?.into_path();
        logs.extend(parse_log_number(&path).map(|number| (number, path)));
    }
    logs.sort();
    let newest = logs.last().map_or(0, |(number, _)| *number);
    let surplus = (logs.len() + 1).saturating_sub(KEPT_LOGS);
    for (_, old) in &logs[..surplus] {
        fs::remove_file(old)?;
    }
    let path = directory.join(format!("worker-{:06}.log", newest + 1));
    let mut options = OpenOptions::new();
    let log = options
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    Ok((path, log))
}

fn parse_log_number(log: &Utf8Path) -> Option<u64> {
    let name = log.file_name()?.strip_suffix(".log")?;
    name.strip_prefix("worker-")?.parse().ok()
}

fn unwritable_error(home: &Utf8Path, error: &io::Error) -> CommandError {
    let message = format!("cannot write to the data directory {home}: {error}");
    CommandError::new(CommandErrorKind::Environment, message)
        .with_hint("Make it writable for this user")
}

fn worker_start_error(log: &Utf8Path) -> CommandError {
    let text = fs::read(log).unwrap_or_default();
    let tail = &text[text.len().saturating_sub(LOG_TAIL_BYTES)..];
    let tail = String::from_utf8_lossy(tail);
    let message = format!(
        "the job is queued, but the worker did not start: {}",
        tail.trim()
    );
    CommandError::new(CommandErrorKind::Environment, message)
        .with_hint("Fix the problem, then: eklavya worker --until-idle")
        .with_hint(format!("Its log: {log}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_private_numbered_and_limited() {
        let directory = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(directory.path()).unwrap();
        for _ in 0..KEPT_LOGS + 3 {
            open_log(home).unwrap();
        }
        fs::write(home.join("logs/mine.log"), "kept").unwrap();
        let (path, log) = open_log(home).unwrap();
        assert_eq!(path.file_name(), Some("worker-000024.log"));
        let mode = std::os::unix::fs::PermissionsExt::mode(&log.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let count = home.join("logs").read_dir_utf8().unwrap().count();
        assert_eq!(count, KEPT_LOGS + 1);
    }
}

//! A running command that the test may kill.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::cli::CommandResult;

/// The longest wait: far more than is needed on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(10);

/// A running command, which is killed on drop.
pub struct RunningCommand {
    child: Child,
    text: String,
    log: TempDir,
    directory: Utf8PathBuf,
}

impl RunningCommand {
    /// Wraps a process whose output goes to files in `log`.
    pub fn new(child: Child, text: String, log: TempDir, directory: &Utf8Path) -> Self {
        Self {
            child,
            text,
            log,
            directory: directory.to_owned(),
        }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Stops the process and returns when all of its threads are stopped; false if it has ended.
    pub fn stop(&mut self) -> bool {
        self.signal(Signal::SIGSTOP);
        let mut ended = false;
        let stopped = wait_until(|| {
            ended = self.has_ended();
            ended || self.is_stopped()
        });
        assert!(stopped, "the process does not stop");
        !ended
    }

    /// Returns whether all threads of the process are stopped.
    pub fn is_stopped(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut states = threads.into_iter().flatten().map(|thread| {
            let status = fs::read_to_string(thread.ok()?.path().join("status"));
            let status = status.ok()?;
            Some(status.lines().any(|line| line.starts_with("State:\tT")))
        });
        // A thread without a status file has ended.
        states.all(|stopped| stopped != Some(false))
    }

    /// Returns whether the process has a handler for a signal.
    pub fn catches(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (signal as u32 - 1)) != 0)
    }

    /// Kills the process with SIGKILL; it must not have ended before.
    #[track_caller]
    pub fn kill_and_wait(mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "it ended before: {:#?}",
            self.outcome(ended)
        );
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Returns whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the process ends, and returns its result.
    #[track_caller]
    pub fn wait(mut self) -> CommandResult {
        let mut status = None;
        let ended = wait_until(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(
            ended,
            "`eklavya {}` does not end: {:#?}",
            self.text,
            self.outcome(None)
        );
        self.outcome(status)
    }

    /// Returns the stderr of the process so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn outcome(&self, status: Option<ExitStatus>) -> CommandResult {
        CommandResult {
            code: status.and_then(|status| status.code()).unwrap_or(-1),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
        }
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.log.path().join(name)).unwrap();
        String::from_utf8(bytes)
            .unwrap()
            .replace(self.directory.as_str(), "[DIR]")
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        // The process has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `holds` returns true. Returns false if that takes too long.
pub fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if holds() {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

//! An installation with background workers, none of which outlives the test.

use std::ops::Deref;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::install::SCRIPT;
use crate::install::TestInstall;
use crate::install::running::{RunningCommand, wait_until};

/// An installation whose workers end with it.
pub struct WorkerInstall(pub TestInstall);

impl Deref for WorkerInstall {
    type Target = TestInstall;

    fn deref(&self) -> &TestInstall {
        &self.0
    }
}

impl Drop for WorkerInstall {
    fn drop(&mut self) {
        // Workers that other commands have started; the installation's database lists them.
        for pid in self.0.query_column("SELECT CAST(pid AS TEXT) FROM workers") {
            let _ = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL);
        }
    }
}

impl WorkerInstall {
    /// Returns an installation with the project `shop`.
    pub fn new() -> Self {
        Self(TestInstall::new(SCRIPT))
    }

    /// Starts a worker and waits until it is registered.
    #[track_caller]
    pub fn start_worker(&self, options: &[&str]) -> RunningCommand {
        let before = self.workers().len();
        let running = self.start(&[&["worker"], options].concat());
        let there = wait_until(|| self.workers().len() > before);
        assert!(there, "no worker was registered: {}", running.stderr());
        running
    }

    /// Returns the registered workers.
    pub fn workers(&self) -> Vec<Value> {
        self.run_json_lines(&["worker", "list"])
    }

    /// Returns all jobs, oldest first.
    pub fn jobs(&self) -> Vec<Value> {
        self.run_json_lines(&["jobs", "list", "--all"])
    }

    fn run_json_lines(&self, words: &[&str]) -> Vec<Value> {
        let found = self.run_json(words);
        found.as_array().unwrap().clone()
    }

    /// Returns the JSON output of a command that must succeed.
    #[track_caller]
    pub fn run_json(&self, words: &[&str]) -> Value {
        let words = [words, &["--output", "json"]].concat();
        self.run(&words).ok().json()
    }

    /// Requests a stage in the background and returns the job.
    #[track_caller]
    pub fn detach(&self, stage: &[&str]) -> Value {
        self.run_json(&[stage, &["--detach"]].concat())
    }

    /// Waits until a job has this status, and returns it.
    #[track_caller]
    pub fn wait_for_status(&self, job: &Value, status: &str) -> Value {
        let id = job["id"].as_str().unwrap();
        let mut found = Value::Null;
        let holds = wait_until(|| {
            found = self.run_json(&["jobs", "show", id]);
            found["status"] == status
        });
        assert!(holds, "the job never was {status}: {found:#}");
        found
    }
}

//! A studio with background workers, none of which outlives the test.

use std::ops::Deref;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::install::SCRIPT;
use crate::install::TestInstall;
use crate::install::running::{RunningCommand, wait_until};

/// A studio whose workers end with it.
pub struct WorkerInstall(pub TestInstall);

impl Deref for WorkerInstall {
    type Target = TestInstall;

    fn deref(&self) -> &TestInstall {
        &self.0
    }
}

impl Drop for WorkerInstall {
    fn drop(&mut self) {
        // Those that other commands have started; each stands in the studio's own database.
        for pid in self.0.query_column("SELECT CAST(pid AS TEXT) FROM workers") {
            let _ = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL);
        }
    }
}

impl WorkerInstall {
    /// Returns a studio with the project `shop`.
    pub fn new() -> Self {
        Self(TestInstall::new(SCRIPT))
    }

    /// Starts a worker and returns once it is there.
    #[track_caller]
    pub fn start_worker(&self, options: &[&str]) -> RunningCommand {
        let before = self.workers().len();
        let running = self.start(&[&["worker"], options].concat());
        let there = wait_until(|| self.workers().len() > before);
        assert!(there, "no worker came up: {}", running.stderr());
        running
    }

    /// Returns the workers that are written down.
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

    /// Returns what a command that must do its work printed.
    #[track_caller]
    pub fn run_json(&self, words: &[&str]) -> Value {
        let words = [words, &["--output", "json"]].concat();
        self.run(&words).ok().json()
    }

    /// Asks for a stage and returns the job.
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
        assert!(holds, "it never was {status}: {found:#}");
        found
    }
}

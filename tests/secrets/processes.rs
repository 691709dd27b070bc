//! The command lines and environments of all processes while a project runs.
//!
//! A sampler misses processes that end between two rounds, so the processes wait for it: programs
//! that have a secret stop themselves until the sampler has read all processes and continues them,
//! and agents get no answer from their model before that.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::canaries::CanarySecrets;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(40);

/// Samples all processes repeatedly until it is stopped.
pub struct ProcessSampler {
    stop: Arc<AtomicBool>,
    rounds: Arc<SamplerRounds>,
    thread: JoinHandle<ProcessFindings>,
}

/// The number of rounds, each of which reads all processes.
#[derive(Default)]
pub struct SamplerRounds {
    count: Mutex<u64>,
    changed: Condvar,
}

/// The findings of a sampler.
#[derive(Debug, Default)]
pub struct ProcessFindings {
    /// Canaries in processes that must not have them, with the process.
    pub leaks: BTreeSet<String>,
    /// Canaries in processes that need them.
    pub given: BTreeSet<&'static str>,
    /// The processes of agents that were read.
    pub agents: BTreeSet<i32>,
}

impl ProcessSampler {
    /// Starts to look for canaries; the directory of the project is `project`.
    pub fn start(canaries: Arc<CanarySecrets>, project: &Utf8Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::<SamplerRounds>::default();
        let (stopped, finished) = (Arc::clone(&stop), Arc::clone(&rounds));
        let project = format!("{project}/");
        let thread = thread::spawn(move || {
            let mut seen = ProcessFindings::default();
            while !stopped.load(Ordering::Relaxed) {
                // This round reads the stopped processes and all of their ancestors.
                let waiting = stopped_processes(&project);
                scan_processes(&canaries, &project, &mut seen);
                finished.add_one();
                for pid in waiting {
                    // The process may have been killed.
                    let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
                }
                thread::sleep(PAUSE);
            }
            seen
        });
        Self {
            stop,
            rounds,
            thread,
        }
    }

    /// Returns the rounds, on which other threads can wait.
    pub fn rounds(&self) -> Arc<SamplerRounds> {
        Arc::clone(&self.rounds)
    }

    pub fn stop(self) -> ProcessFindings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl SamplerRounds {
    fn add_one(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Waits until a round has read every process that runs now.
    pub fn wait_for_next(&self) {
        let count = self.count.lock().unwrap();
        // The current round may have read the process already.
        let wanted = *count + 2;
        let count = self.changed.wait_while(count, |count| *count < wanted);
        drop(count.unwrap());
    }
}

/// Returns the ids of all processes.
fn process_ids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn read_file(pid: i32, name: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

/// Returns the value of `HOME` in a process's environment.
fn home_of(environ: &[u8]) -> String {
    let variables = String::from_utf8_lossy(environ);
    let home = variables.split('\0').find_map(|v| v.strip_prefix("HOME="));
    home.unwrap_or_default().to_owned()
}

/// Returns the processes of the project's agents, tests, checks and previews that have stopped
/// themselves.
fn stopped_processes(project: &str) -> Vec<i32> {
    let is_stopped = |pid: &i32| {
        let status = String::from_utf8_lossy(&read_file(*pid, "status")).into_owned();
        status.lines().any(|line| line.starts_with("State:\tT"))
    };
    process_ids()
        .filter(is_stopped)
        .filter(|pid| home_of(&read_file(*pid, "environ")).starts_with(project))
        .collect()
}

fn scan_processes(canaries: &CanarySecrets, project: &str, seen: &mut ProcessFindings) {
    for pid in process_ids() {
        let (words, environ) = (read_file(pid, "cmdline"), read_file(pid, "environ"));
        if read_file(pid, "cmdline") != words {
            // The process executed another program, which the next round reads.
            continue;
        }
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        let home = home_of(&environ);
        let place = home.strip_prefix(project).unwrap_or_default();
        if place.starts_with("work/") {
            seen.agents.insert(pid);
        }
        // The test passes the password to its own server this way.
        if !line.contains("redis-server") {
            for name in canaries.found_in(&words) {
                // The agent invents this value and types it into its own shell.
                if name == "COMMITTED" && place.starts_with("work/") {
                    continue;
                }
                seen.leaks
                    .insert(format!("{name} in the command line {line:?}"));
            }
        }
        for name in canaries.found_in(&environ) {
            if is_expected_process(name, &line, place) {
                seen.given.insert(name);
            } else {
                seen.leaks
                    .insert(format!("{name} in the environment of {line:?} ({home})"));
            }
        }
    }
}

/// Returns whether a process may have the canary, by its command line and by the path of its home
/// in the project's directory.
fn is_expected_process(name: &str, line: &str, place: &str) -> bool {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let verb = words.next().unwrap_or_default();
    match name {
        // Commands that a person starts, and the worker that such a command starts.
        "MODEL_VARIABLE" | "AUTH_TOKEN" | "BUS_PASSWORD" | "CI_TOKEN" => {
            let hidden = verb.starts_with("sandbox-") || verb == "preview-host";
            program.ends_with("/eklavya") && !hidden
        }
        "TEST_KEY" | "CHECK_KEY" => place.starts_with("scratch/"),
        "PREVIEW_KEY" => place.starts_with("demos/"),
        _ => false,
    }
}

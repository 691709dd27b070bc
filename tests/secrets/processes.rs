//! What stands in the command lines and environments of all processes while a story is played.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::canaries::CanarySecrets;

/// Between two looks: less than any of the commands takes.
const PAUSE: Duration = Duration::from_millis(40);

/// Samples all processes repeatedly until it is stopped.
pub struct ProcessSampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<ProcessFindings>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct ProcessFindings {
    /// Canaries where none may be: where, and which.
    pub leaks: BTreeSet<String>,
    /// Canaries where they belong.
    pub given: BTreeSet<&'static str>,
    /// Agents' processes that were looked into.
    pub agents: BTreeSet<u32>,
}

impl ProcessSampler {
    pub fn start(canaries: Arc<CanarySecrets>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut seen = ProcessFindings::default();
            while !stopped.load(Ordering::Relaxed) {
                scan_processes(&canaries, &mut seen);
                thread::sleep(PAUSE);
            }
            seen
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> ProcessFindings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn scan_processes(canaries: &CanarySecrets, seen: &mut ProcessFindings) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let (words, environ) = (read("cmdline"), read("environ"));
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        let variables = String::from_utf8_lossy(&environ).into_owned();
        let home = variables.split('\0').find_map(|v| v.strip_prefix("HOME="));
        let home = home.unwrap_or_default();
        if home.contains("/projects/shop/work/") {
            seen.agents.insert(pid);
        }
        // The test's own server was given its password so.
        if !line.contains("redis-server") {
            for name in canaries.found_in(&words) {
                seen.leaks
                    .insert(format!("{name} in the command line {line:?}"));
            }
        }
        for name in canaries.found_in(&environ) {
            if is_expected_process(name, &line, home) {
                seen.given.insert(name);
            } else {
                seen.leaks
                    .insert(format!("{name} in the environment of {line:?} ({home})"));
            }
        }
    }
}

/// Whether a process is one that was handed the canary.
fn is_expected_process(name: &str, line: &str, home: &str) -> bool {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let verb = words.next().unwrap_or_default();
    match name {
        // Of those that a person starts, and of the worker that one of them starts.
        "MODEL_VARIABLE" | "AUTH_TOKEN" | "BUS_PASSWORD" | "CI_TOKEN" => {
            let hidden = verb.starts_with("sandbox-") || verb == "preview-host";
            program.ends_with("/eklavya") && !hidden
        }
        "TEST_KEY" | "CHECK_KEY" => home.contains("/projects/shop/scratch/"),
        "PREVIEW_KEY" => home.contains("/projects/shop/demos/"),
        _ => false,
    }
}

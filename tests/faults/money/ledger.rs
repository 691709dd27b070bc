//! The ledger equals the bill of the endpoint, and no process except the command and no file has
//! the key.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use camino::Utf8Path;
use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::running::RunningCommand;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::ScriptedReply;

use crate::fixtures::verdict::FaultVerdict;

#[test]
fn the_ledger_equals_the_bill_and_the_key_stays_in_the_gateway() {
    let install = TestInstall::new(SCRIPT);
    let watch = Arc::new(KeyWatch::new(&install.key));
    // Every agent is checked while it waits for an answer, so the watch misses none.
    let agent_watch = Arc::clone(&watch);
    install.upstream.answer_with(move |_| {
        agent_watch.check_processes();
        ScriptedReply::Play
    });
    for stage in STAGES {
        let mut running = install.start(stage);
        watch.set_command(&running, stage);
        while !running.has_ended() {
            watch.check_processes();
            thread::sleep(Duration::from_millis(50));
        }
        running.wait().ok();
    }
    let leaks = watch.leaks.lock().unwrap();
    assert!(leaks.is_empty(), "{leaks:#?}");
    install.assert_delivered_despite_fault(UnsentRequests::Impossible);
    install.assert_nothing_was_done_twice();
    assert!(
        install
            .upstream
            .requests()
            .iter()
            .all(|request| request.key == install.key)
    );
    let shown = install.run(&["project", "show", "shop", "--output", "json"]);
    let shown = shown.ok().json();
    assert_eq!(shown["spentMicroUsd"], install.upstream.charged_micros());
    assert_eq!(files_with(&install.key, &install.home()), [""; 0]);
}

/// Looks for the key in all processes except the command and the test.
struct KeyWatch {
    key: String,
    /// The process id of the running command, and the end of its command line.
    command: Mutex<(u32, String)>,
    /// The command lines of processes that have the key.
    leaks: Mutex<BTreeSet<String>>,
}

impl KeyWatch {
    fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            command: Mutex::default(),
            leaks: Mutex::default(),
        }
    }

    fn set_command(&self, running: &RunningCommand, stage: &[&str]) {
        *self.command.lock().unwrap() = (running.id(), stage.join("\0") + "\0");
    }

    fn check_processes(&self) {
        let read = |id: u32, name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        // A fork of the command that has not executed another program yet has the same command
        // line.
        let (command, own) = self.command.lock().unwrap().clone();
        let known = [command, std::process::id()];
        let processes = fs::read_dir("/proc").unwrap();
        let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        for id in ids.filter(|id| !known.contains(id)) {
            let (line, environment) = (read(id, "cmdline"), read(id, "environ"));
            if !line.ends_with(own.as_bytes())
                && read(id, "cmdline") == line
                && (contains_key(&self.key, &line) || contains_key(&self.key, &environment))
            {
                let line = String::from_utf8_lossy(&line).into_owned();
                self.leaks.lock().unwrap().insert(line);
            }
        }
    }
}

fn files_with(key: &str, directory: &Utf8Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            found.extend(files_with(key, &path));
        } else if kind.is_file() && contains_key(key, &fs::read(&path).unwrap()) {
            found.push(path.into_string());
        }
    }
    found
}

fn contains_key(key: &str, bytes: &[u8]) -> bool {
    let key = key.as_bytes();
    bytes.windows(key.len()).any(|window| window == key)
}

//! The ledger is what the endpoint billed, and the key is nowhere but there.

use std::fs;

use camino::Utf8Path;
use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::running::RunningCommand;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::verdict::FaultVerdict;

#[test]
fn the_ledger_is_what_was_billed_and_the_key_is_nowhere_else() {
    let install = TestInstall::new(SCRIPT);
    for stage in STAGES {
        let mut running = install.start(stage);
        watch_processes_for(&install.key, &mut running, stage);
        running.wait().ok();
    }
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

/// Looks for the key in every other process while the command runs.
fn watch_processes_for(key: &str, running: &mut RunningCommand, stage: &[&str]) {
    let read = |id: u32, name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
    let known = [running.id(), std::process::id()];
    // What was forked and has not yet become another program is still the command itself.
    let own: String = stage.join("\0") + "\0";
    while !running.has_ended() {
        let processes = fs::read_dir("/proc").unwrap();
        let ids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        for id in ids.filter(|id| !known.contains(id)) {
            let (line, environment) = (read(id, "cmdline"), read(id, "environ"));
            if !line.ends_with(own.as_bytes()) && read(id, "cmdline") == line {
                let leaks = contains_key(key, &line) || contains_key(key, &environment);
                assert!(!leaks, "{}", String::from_utf8_lossy(&line));
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
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

//! The limit of agents across processes: kernel locks, which end with their process.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::SystemClock;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;
use eklavya_engine::capacity::{AgentPermit, Capacity, CapacityLimits, MemoryLimits};
use eklavya_testkit::install::command;

/// Variables for a process that a test starts: the directory and the task.
const PLACE: &str = "EKLAVYA_TEST_SLOTS";
const TASK: &str = "EKLAVYA_TEST_TASK";
/// How often each of the processes acquires the slot.
const TURNS: usize = 15;

async fn acquire_slot(directory: &Path) -> AgentPermit {
    let memory = MemoryLimits {
        agent_mib: 1,
        reserve_mib: 0,
    };
    let limits = CapacityLimits { agents: 1, memory };
    let room = Capacity::new(directory.join("slots"), limits, Arc::new(SystemClock));
    let project = ProjectId::random();
    room.admit(project, ProjectPriority::default(), async |_| {})
        .await
        .unwrap()
}

/// A process that another test starts. Otherwise it does nothing.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test passes the task in variables"
)]
fn process_of_the_slot_tests() {
    let (Ok(directory), Ok(task)) = (std::env::var(PLACE), std::env::var(TASK)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match task.as_str() {
        "take turns" => runtime.block_on(take_turns(Path::new(&directory))),
        "hold" => runtime.block_on(hold_slot(Path::new(&directory))),
        other => panic!("unknown task {other}"),
    }
}

/// Acquires the slot repeatedly and asserts that no other process holds it.
async fn take_turns(directory: &Path) {
    let alone = directory.join("alone");
    for _ in 0..TURNS {
        let permit = acquire_slot(directory).await;
        let mark = OpenOptions::new().create_new(true).write(true).open(&alone);
        mark.expect("no other process holds the slot");
        tokio::time::sleep(Duration::from_millis(3)).await;
        std::fs::remove_file(&alone).unwrap();
        drop(permit);
    }
}

/// Acquires the slot, starts a child that outlives this process, and waits to be killed.
#[expect(clippy::zombie_processes, reason = "its parent is to be killed")]
async fn hold_slot(directory: &Path) {
    let _permit = acquire_slot(directory).await;
    let mut child = command("sleep");
    let child = child.arg("600").spawn().unwrap();
    let line = format!("\nholding {}\n", child.id());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    std::future::pending::<()>().await;
}

fn spawn_process(directory: &Path, task: &str) -> Child {
    let mut child = command(std::env::current_exe().unwrap().to_str().unwrap());
    child
        .args(["--exact", "slots::process_of_the_slot_tests", "--nocapture"])
        .env(PLACE, directory)
        .env(TASK, task)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_never_hold_the_same_slot() {
    let directory = tempfile::tempdir().unwrap();
    let both = [(); 2].map(|()| spawn_process(directory.path(), "take turns"));
    for child in both {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
    }
}

#[test]
fn a_killed_process_frees_its_slot_although_its_child_lives() {
    let directory = tempfile::tempdir().unwrap();
    let mut holder = spawn_process(directory.path(), "hold");
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let child = child_of(&mut lines);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(acquire_slot(directory.path()));
    let child = nix::unistd::Pid::from_raw(child);
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn child_of(lines: &mut std::io::Lines<BufReader<ChildStdout>>) -> i32 {
    for line in lines {
        if let Some(child) = line.unwrap().strip_prefix("holding ") {
            return child.parse().unwrap();
        }
    }
    panic!("the process did not acquire the slot");
}

//! Commands that only read, compared with `git status`: `eklavya project list` and other lists.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::money::MicroUsd;
use eklavya_core::process;
use eklavya_core::task::TaskKind;
use eklavya_services::DataStore;
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_store::{DatabaseLocation, Store};

use crate::options::BenchOptions;
use crate::results::comparison::{PerformanceGoal, TimingComparison};
use crate::results::report::ReportWriter;
use crate::{BenchError, SEARCH_PATH};

/// The goal of `project list`.
const GOAL: PerformanceGoal = PerformanceGoal {
    ratio: Some(3.0),
    seconds: Some(0.010),
    added: None,
};
/// The goal of the other lists of all projects, each of which takes a fixed number of statements.
const LIST_GOAL: PerformanceGoal = PerformanceGoal {
    ratio: None,
    seconds: Some(0.030),
    added: None,
};
/// The part of the report (none for the benchmark as a whole), the arguments and the goal of each
/// command.
const COMMANDS: [(Option<&str>, &[&str], Option<PerformanceGoal>); 6] = [
    (None, &["project", "list"], Some(GOAL)),
    (Some("status"), &["status"], Some(LIST_GOAL)),
    (
        Some("agents ps"),
        &["agents", "ps", "--quiet"],
        Some(LIST_GOAL),
    ),
    (Some("budget show"), &["budget", "show"], Some(LIST_GOAL)),
    (
        Some("jobs list"),
        &["jobs", "list", "--quiet"],
        Some(LIST_GOAL),
    ),
    (Some("version"), &["--version"], None),
];
/// The number of tasks of each project.
const TASKS: u32 = 5;
/// The number of files in the repository for `git status`.
const FILES: usize = 20;
/// Warm-up runs of both sides, which load programs and files into memory.
const WARM_UP: u32 = 5;

/// Measures all commands alternately, each with its own run of `git status`.
pub async fn measure(options: &BenchOptions) -> Result<Vec<TimingComparison>, BenchError> {
    let directory = crate::create_directory(options)?;
    let (home, repository) = (
        directory.path().join("home"),
        directory.path().join("repository"),
    );
    ReportWriter::print_progress(&format!("making {} projects", options.projects));
    create_projects(&options.eklavya, &home, options.projects).await?;
    make_repository(&repository)?;
    ReportWriter::print_progress(&format!("reading {} times", options.reads));
    let mut found = COMMANDS.map(|(part, _, goal)| TimingComparison::new("read", part, goal));
    for round in 0..options.reads + WARM_UP {
        for ((_, arguments, _), comparison) in COMMANDS.iter().zip(&mut found) {
            let mut command = eklavya_command(&options.eklavya, &home, arguments);
            let subject = time_command(&mut command)?;
            let reference = time_command(&mut status_command(&repository))?;
            if round >= WARM_UP {
                comparison.subject.add(subject);
                comparison.reference.add(reference);
            }
        }
    }
    Ok(found.into())
}

fn eklavya_command(eklavya: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = process::new_command(eklavya).into_std();
    command.args(arguments).env("EKLAVYA_HOME", home);
    command.env("HOME", home).env("PATH", SEARCH_PATH);
    command
}

fn status_command(repository: &Path) -> Command {
    let mut command = git_command(repository);
    command.arg("status");
    command
}

/// Runs a command to its end and drops its output.
fn time_command(command: &mut Command) -> Result<Duration, BenchError> {
    command.stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

async fn create_projects(eklavya: &Path, home: &Path, count: u32) -> Result<(), BenchError> {
    let mut init = process::new_command(eklavya).into_std();
    init.args(["init", "--yes", "--quiet"])
        .env("EKLAVYA_HOME", home);
    time_command(init.env("HOME", home).env("PATH", SEARCH_PATH))?;
    let location = DatabaseLocation::File(home.join("eklavya.db"));
    let store = Store::open(&location).await?;
    let data = DataStore::new(store, Arc::new(SystemClock));
    for number in 1..=count {
        let new = NewProject {
            name: format!("Coffee shop {number}"),
            slug: None,
            client: "Ada's Coffee".to_owned(),
            brief: "# A coffee shop\n\nA page with a menu.\n"
                .repeat(20)
                .into_bytes(),
            budget: Some(MicroUsd(25_000_000)),
            rehearsal: None,
        };
        let project = projects::create(&data, &AuditActor::System, new).await?;
        let task = |number| {
            let key = format!("T{number}");
            NewTask::new(key, TaskKind::Build, Role::Developer, "A page of the menu")
        };
        tasks::ensure(&data, &project, (1..=TASKS).map(task).collect()).await?;
    }
    data.store.close().await;
    Ok(())
}

fn git_command(repository: &Path) -> Command {
    let mut command = process::new_command("git").into_std();
    command.arg("-C").arg(repository);
    command.env("HOME", repository).env("PATH", SEARCH_PATH);
    command
}

fn make_repository(repository: &Path) -> Result<(), BenchError> {
    std::fs::create_dir(repository)?;
    for number in 0..FILES {
        std::fs::write(repository.join(format!("file-{number}.txt")), "a line\n")?;
    }
    let identity = ["-c", "user.name=Bench", "-c", "user.email=bench@invalid"];
    time_command(git_command(repository).args(["init", "--quiet"]))?;
    time_command(git_command(repository).args(["add", "--all"]))?;
    time_command(git_command(repository).args(identity).args([
        "commit",
        "--quiet",
        "--message=Files",
    ]))?;
    Ok(())
}

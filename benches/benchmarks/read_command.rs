//! A command that only reads: `eklavya project list` beside `git status`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::money::MicroUsd;
use eklavya_core::process;
use eklavya_services::DataStore;
use eklavya_services::projects::{self, NewProject};
use eklavya_store::{DatabaseLocation, Store};

use crate::comparison::{PerformanceGoal, TimingComparison};
use crate::options::BenchOptions;
use crate::report::ReportWriter;
use crate::{BenchError, SEARCH_PATH};

const GOAL: PerformanceGoal = PerformanceGoal {
    ratio: Some(3.0),
    seconds: Some(0.010),
    added: None,
};
/// Files in the repository that git looks at.
const FILES: usize = 20;
/// Runs of both that are not counted: they bring programs and files into memory.
const WARM_UP: u32 = 5;

/// Measures both in turn.
pub async fn measure(options: &BenchOptions) -> Result<TimingComparison, BenchError> {
    let directory = crate::create_directory(options)?;
    let (home, repository) = (
        directory.path().join("home"),
        directory.path().join("repository"),
    );
    ReportWriter::print_progress(&format!("making {} projects", options.projects));
    create_projects(&options.eklavya, &home, options.projects).await?;
    make_repository(&repository)?;
    ReportWriter::print_progress(&format!("reading {} times", options.reads));
    let mut found = TimingComparison::new("read", None, Some(GOAL));
    for round in 0..options.reads + WARM_UP {
        let subject = time_command(&mut list_command(&options.eklavya, &home))?;
        let reference = time_command(&mut status_command(&repository))?;
        if round >= WARM_UP {
            found.subject.add(subject);
            found.reference.add(reference);
        }
    }
    Ok(found)
}

fn list_command(eklavya: &Path, home: &Path) -> Command {
    let mut command = process::new_command(eklavya).into_std();
    command.args(["project", "list"]).env("EKLAVYA_HOME", home);
    command.env("HOME", home).env("PATH", SEARCH_PATH);
    command
}

fn status_command(repository: &Path) -> Command {
    let mut command = git_command(repository);
    command.arg("status");
    command
}

/// Runs a command to its end; what it prints goes nowhere.
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
        projects::create(&data, &AuditActor::System, new).await?;
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

//! A command that only reads: `eklavya project list` beside `git status`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::money::MicroUsd;
use eklavya_core::process;
use eklavya_services::Desk;
use eklavya_services::projects::{self, NewProject};
use eklavya_store::Store;

use crate::comparison::{Comparison, Goal};
use crate::options::Options;
use crate::report::Report;
use crate::{Fault, SEARCH_PATH};

const GOAL: Goal = Goal {
    ratio: Some(3.0),
    seconds: Some(0.010),
    added: None,
};
/// Files in the repository that git looks at.
const FILES: usize = 20;
/// Runs of both that are not counted: they bring programs and files into memory.
const WARM_UP: u32 = 5;

/// Measures both in turn.
pub async fn measure(options: &Options) -> Result<Comparison, Fault> {
    let place = crate::directory(options)?;
    let (home, repository) = (place.path().join("home"), place.path().join("repository"));
    Report::progress(&format!("making {} projects", options.projects));
    fill(&options.eklavya, &home, options.projects).await?;
    make_repository(&repository)?;
    Report::progress(&format!("reading {} times", options.reads));
    let mut found = Comparison::new("read", None, Some(GOAL));
    for round in 0..options.reads + WARM_UP {
        let subject = time(&mut list(&options.eklavya, &home))?;
        let reference = time(&mut status(&repository))?;
        if round >= WARM_UP {
            found.subject.add(subject);
            found.reference.add(reference);
        }
    }
    Ok(found)
}

fn list(eklavya: &Path, home: &Path) -> Command {
    let mut command = process::command(eklavya).into_std();
    command.args(["project", "list"]).env("EKLAVYA_HOME", home);
    command.env("HOME", home).env("PATH", SEARCH_PATH);
    command
}

fn status(repository: &Path) -> Command {
    let mut command = git(repository);
    command.arg("status");
    command
}

/// Runs a command to its end; what it prints goes nowhere.
fn time(command: &mut Command) -> Result<Duration, Fault> {
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

async fn fill(eklavya: &Path, home: &Path, count: u32) -> Result<(), Fault> {
    let mut init = process::command(eklavya).into_std();
    init.args(["init", "--yes", "--quiet"])
        .env("EKLAVYA_HOME", home);
    time(init.env("HOME", home).env("PATH", SEARCH_PATH))?;
    let store = Store::open_file(&home.join("eklavya.db")).await?;
    let desk = Desk::new(store, Arc::new(SystemClock));
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
        projects::create(&desk, &Actor::System, new).await?;
    }
    desk.store.close().await;
    Ok(())
}

fn git(repository: &Path) -> Command {
    let mut command = process::command("git").into_std();
    command.arg("-C").arg(repository);
    command.env("HOME", repository).env("PATH", SEARCH_PATH);
    command
}

fn make_repository(repository: &Path) -> Result<(), Fault> {
    std::fs::create_dir(repository)?;
    for number in 0..FILES {
        std::fs::write(repository.join(format!("file-{number}.txt")), "a line\n")?;
    }
    let identity = ["-c", "user.name=Bench", "-c", "user.email=bench@invalid"];
    time(git(repository).args(["init", "--quiet"]))?;
    time(git(repository).args(["add", "--all"]))?;
    time(
        git(repository)
            .args(identity)
            .args(["commit", "--quiet", "--message=Files"]),
    )?;
    Ok(())
}

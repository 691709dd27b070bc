//! Waiting for what another process is still working on.

use eklavya_core::domain::job::{Job, JobState};
use eklavya_core::domain::project::{Project, ProjectState, Stage};
use eklavya_services::news::Follower;
use eklavya_services::{Desk, jobs, leases, projects, workers};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CommandError, Kind};
use crate::interrupts::Interrupts;
use crate::output::Printer;

/// The option of commands that can wait.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct WaitOption {
    /// Wait while another process is still working towards this, instead of failing
    #[arg(long)]
    pub wait: bool,
}

/// Returns the project `slug`, with `--wait` once it has reached `stage`. A project that is past it,
/// or on no way at all, is returned at once: the command that follows says what is wrong.
pub async fn for_stage(
    desk: &Desk,
    slug: &str,
    stage: Stage,
    option: WaitOption,
) -> Result<Project, CommandError> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        CommandError::new(
            Kind::Environment,
            format!("cannot listen to signals: {error}"),
        )
    })?;
    let mut follower = None;
    loop {
        let project = projects::find(desk, slug).await?;
        let before = project
            .state
            .stage()
            .is_some_and(|now| now.progress() <= stage.progress());
        let reached = project.state.stage() == Some(stage);
        if !option.wait || reached || !before || has_given_up(desk, &project).await? {
            return Ok(project);
        }
        // Only a command that waits listens; what happens before it does is seen at the next look.
        let Some(follower) = &mut follower else {
            follower = Some(Follower::from_now(desk).await?.of_project(project.id));
            continue;
        };
        tokio::select! {
            news = follower.next() => drop(news?),
            _ = interrupts.recv() => return Err(interrupted()),
        }
    }
}

/// Whether background work on the project ended without reaching its goal, and nobody goes on.
async fn has_given_up(desk: &Desk, project: &Project) -> Result<bool, CommandError> {
    let all = jobs::list(desk, Some(project.id)).await?;
    let is_over = all.last().is_some_and(|job| match job.state {
        JobState::Failed { .. } | JobState::NeedsDecision { .. } | JobState::Cancelled { .. } => {
            true
        }
        JobState::Queued { .. }
        | JobState::Running { .. }
        | JobState::Cancelling { .. }
        | JobState::Done { .. } => false,
    });
    let open = all.iter().any(|job| job.state.is_open());
    Ok(is_over && !open && !leases::is_held(desk, project.id).await?)
}

/// Waits until no background worker has a job of `project`, or is about to take one.
pub async fn until_no_job(
    desk: &Desk,
    project: &Project,
    printer: &Printer,
    interrupts: &Interrupts,
) -> Result<(), CommandError> {
    let (mut told, mut follower) = (false, None);
    loop {
        let project = projects::reload(desk, project).await?;
        let all = jobs::list(desk, Some(project.id)).await?;
        let open = all.iter().find(|job| job.state.is_open());
        let is_halted = matches!(project.state, ProjectState::Paused { .. });
        let Some(job) = open.filter(|_| !is_halted) else {
            return Ok(());
        };
        if !told {
            told = tell_if_forgotten(desk, job, printer).await?;
        }
        let Some(follower) = &mut follower else {
            follower = Some(Follower::from_now(desk).await?.of_project(project.id));
            continue;
        };
        tokio::select! {
            news = follower.next() => drop(news?),
            () = interrupts.soft.cancelled() => return Err(interrupted()),
        }
    }
}

fn interrupted() -> CommandError {
    CommandError::new(Kind::Interrupted, "interrupted while waiting")
}

/// Tells that a job waits which no worker is there to take.
async fn tell_if_forgotten(
    desk: &Desk,
    job: &Job,
    printer: &Printer,
) -> Result<bool, CommandError> {
    let rows = workers::list(desk).await?;
    let is_there = |row| workers::life_of(desk, row) == workers::Life::Alive;
    let forgotten = matches!(job.state, JobState::Queued { .. }) && !rows.iter().any(is_there);
    if forgotten {
        let id = job.id.short();
        printer.warn(&format!(
            "job {id} waits and no worker is there; start one: eklavya worker --until-idle"
        ));
    }
    Ok(forgotten)
}

//! Waiting for what another process is still working on.

use eklavya_core::job::{Job, JobState};
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_services::event_log::EventReader;
use eklavya_services::{DataStore, jobs, leases, projects, workers};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CommandError, CommandErrorKind};
use crate::interrupts::InterruptTokens;
use crate::output::OutputPrinter;

/// The option of commands that can wait.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct WaitOption {
    /// Wait while another process is still working towards this, instead of failing
    #[arg(long)]
    pub wait: bool,
}

/// Returns the project `slug`, with `--wait` once it has reached `stage`. A project that is past it,
/// or on no way at all, is returned at once: the command that follows says what is wrong.
pub async fn wait_for_stage(
    data: &DataStore,
    slug: &str,
    stage: ProjectStage,
    option: WaitOption,
) -> Result<Project, CommandError> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        CommandError::new(
            CommandErrorKind::Environment,
            format!("cannot listen to signals: {error}"),
        )
    })?;
    let mut follower = None;
    loop {
        let project = projects::find(data, slug).await?;
        let before = project
            .state
            .stage()
            .is_some_and(|now| now.progress() <= stage.progress());
        let reached = project.state.stage() == Some(stage);
        if !option.wait || reached || !before || has_given_up(data, &project).await? {
            return Ok(project);
        }
        // Only a command that waits listens; what happens before it does is seen at the next look.
        let Some(follower) = &mut follower else {
            follower = Some(EventReader::from_now(data).await?.for_project(project.id));
            continue;
        };
        tokio::select! {
            news = follower.next() => drop(news?),
            _ = interrupts.recv() => return Err(interrupted_error()),
        }
    }
}

/// Whether background work on the project ended without reaching its goal, and nobody goes on.
async fn has_given_up(data: &DataStore, project: &Project) -> Result<bool, CommandError> {
    let all = jobs::list(data, Some(project.id)).await?;
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
    Ok(is_over && !open && !leases::is_held(data, project.id).await?)
}

/// Waits until no background worker has a job of `project`, or is about to take one.
pub async fn wait_until_no_job(
    data: &DataStore,
    project: &Project,
    printer: &OutputPrinter,
    interrupts: &InterruptTokens,
) -> Result<(), CommandError> {
    let (mut told, mut follower) = (false, None);
    loop {
        let project = projects::reload(data, project).await?;
        let all = jobs::list(data, Some(project.id)).await?;
        let open = all.iter().find(|job| job.state.is_open());
        let is_halted = matches!(project.state, ProjectState::Paused { .. });
        let Some(job) = open.filter(|_| !is_halted) else {
            return Ok(());
        };
        if !told {
            told = warn_if_no_worker(data, job, printer).await?;
        }
        let Some(follower) = &mut follower else {
            follower = Some(EventReader::from_now(data).await?.for_project(project.id));
            continue;
        };
        tokio::select! {
            news = follower.next() => drop(news?),
            () = interrupts.soft.cancelled() => return Err(interrupted_error()),
        }
    }
}

fn interrupted_error() -> CommandError {
    CommandError::new(CommandErrorKind::Interrupted, "interrupted while waiting")
}

/// Tells that a job waits which no worker is there to take.
async fn warn_if_no_worker(
    data: &DataStore,
    job: &Job,
    printer: &OutputPrinter,
) -> Result<bool, CommandError> {
    let rows = workers::list(data).await?;
    let is_there = |row| workers::health_of(data, row) == workers::WorkerHealth::Alive;
    let forgotten = matches!(job.state, JobState::Queued { .. }) && !rows.iter().any(is_there);
    if forgotten {
        let id = job.id.short();
        printer.warn(&format!(
            "job {id} waits and no worker is there; start one: eklavya worker --until-idle"
        ));
    }
    Ok(forgotten)
}

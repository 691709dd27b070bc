//! Waits for the work of another process.

use eklavya_core::job::{Job, JobState};
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_services::event_log::EventReader;
use eklavya_services::{DataStore, jobs, leases, projects, workers};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::interrupts::InterruptTokens;
use crate::output::OutputPrinter;

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct WaitOption {
    /// Wait for another process that works on this project, instead of failing
    #[arg(long)]
    pub wait: bool,
}

/// Returns the project `slug`, with `--wait` once it has reached `stage`. A project that is past `stage`,
/// or that no process works on, is returned at once: the caller then reports the error.
pub async fn wait_for_stage(
    data: &DataStore,
    slug: &str,
    stage: ProjectStage,
    option: WaitOption,
) -> Result<Project, CommandError> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        CommandError::new(
            CommandErrorKind::Environment,
            format!("cannot handle signals: {error}"),
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
        // The reader starts before the next check, so no event is missed.
        let Some(follower) = &mut follower else {
            follower = Some(EventReader::from_now(data).await?.for_project(project.id));
            continue;
        };
        tokio::select! {
            events = follower.next() => drop(events?),
            _ = interrupts.recv() => return Err(interrupted_error()),
        }
    }
}

/// Returns whether the last job of the project ended without reaching its goal, and no process works on
/// the project.
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

/// Waits until `project` has no open job.
pub async fn wait_until_no_job(
    data: &DataStore,
    project: &Project,
    printer: &OutputPrinter,
    interrupts: &InterruptTokens,
) -> Result<(), CommandError> {
    let (mut warned, mut follower) = (false, None);
    loop {
        let project = projects::reload(data, project).await?;
        let all = jobs::list(data, Some(project.id)).await?;
        let open = all.iter().find(|job| job.state.is_open());
        let is_paused = matches!(project.state, ProjectState::Paused { .. });
        let Some(job) = open.filter(|_| !is_paused) else {
            return Ok(());
        };
        if !warned {
            warned = warn_if_no_worker(data, job, printer).await?;
        }
        let Some(follower) = &mut follower else {
            follower = Some(EventReader::from_now(data).await?.for_project(project.id));
            continue;
        };
        tokio::select! {
            events = follower.next() => drop(events?),
            () = interrupts.soft.cancelled() => return Err(interrupted_error()),
        }
    }
}

fn interrupted_error() -> CommandError {
    CommandError::new(CommandErrorKind::Interrupted, "interrupted while waiting")
}

/// Warns if the job is queued and no worker is running; returns whether it warned.
async fn warn_if_no_worker(
    data: &DataStore,
    job: &Job,
    printer: &OutputPrinter,
) -> Result<bool, CommandError> {
    let rows = workers::list(data).await?;
    let is_alive = |row| workers::health_of(data, row) == workers::WorkerHealth::Alive;
    let no_worker = matches!(job.state, JobState::Queued { .. }) && !rows.iter().any(is_alive);
    if no_worker {
        let id = job.id.short();
        printer.warn(&format!(
            "job {id} is queued, but no worker is running; start one: eklavya worker --until-idle"
        ));
    }
    Ok(no_worker)
}

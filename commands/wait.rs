//! Waiting for what another process is still working on.

use eklavya::domain::project::{Project, Stage};
use eklavya::services::news::Follower;
use eklavya::services::{Desk, projects};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CommandError, Kind};

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
        if !option.wait || reached || !before {
            return Ok(project);
        }
        // Only a command that waits listens; what happens before it does is seen at the next look.
        let Some(follower) = &mut follower else {
            follower = Some(Follower::from_now(desk).await?.of_project(project.id));
            continue;
        };
        tokio::select! {
            news = follower.next() => drop(news?),
            _ = interrupts.recv() => {
                return Err(CommandError::new(Kind::Interrupted, "interrupted while waiting"));
            }
        }
    }
}

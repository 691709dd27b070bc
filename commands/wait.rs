//! Waiting for what another process is still working on.

use std::time::Duration;

use eklavya::domain::project::{Project, Stage};
use eklavya::services::{Desk, projects};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{CommandError, Kind};

/// How often it is looked whether the wait is over.
const PAUSE: Duration = Duration::from_millis(500);

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
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = interrupts.recv() => {
                return Err(CommandError::new(Kind::Interrupted, "interrupted while waiting"));
            }
        }
    }
}

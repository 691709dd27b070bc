//! The factory of runs for a command: its settings come from the command line and the configuration.

use std::path::PathBuf;
use std::sync::Arc;

use camino::Utf8Path;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::project::Project;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_engine::jobs::{self, RunFactory, RunFactorySpec, RunOptions};
use eklavya_engine::{OnLeased, ProjectRun, Site, StopReason, StopRequest};
use eklavya_sandbox::{Sandbox, SandboxUser};
use eklavya_services::DataStore;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::CommandInvocation;
use crate::invocation::interrupts::InterruptTokens;

pub fn make_run_factory(
    invocation: &CommandInvocation,
    data: &DataStore,
) -> Result<RunFactory, CommandError> {
    let printer = invocation.printer.clone();
    Ok(RunFactory::new(RunFactorySpec {
        data: data.clone(),
        config: invocation.config()?.clone(),
        search_path: search_path(invocation)?.to_owned(),
        unsandboxed: invocation.no_sandbox,
        program: current_program()?,
        warn: Arc::new(move |warning| printer.warn(warning)),
    }))
}

/// Returns a usable sandbox of the backend `choice`, or of the configured one if `choice` is `None`.
/// Its processes run as `user` if this process is root.
pub async fn open_sandbox(
    invocation: &CommandInvocation,
    choice: Option<IsolationKind>,
    user: SandboxUser,
) -> Result<Sandbox, CommandError> {
    let config = invocation.config()?;
    let (search_path, program) = (search_path(invocation)?, current_program()?);
    Ok(jobs::open_isolation(config, choice, search_path, program, user).await?)
}

/// Opens the site of `project`, with the sandbox that the command line selects.
pub async fn open_site(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
) -> Result<Site, CommandError> {
    let factory = make_run_factory(invocation, data)?;
    Ok(factory.open_site(project).await?)
}

/// Opens the site of `project` for work on its records and its repository, which starts no agent,
/// test or preview.
pub async fn open_site_without_sandbox(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
) -> Result<Site, CommandError> {
    let factory = make_run_factory(invocation, data)?;
    Ok(factory.open_site_without_sandbox(project).await?)
}

/// Starts a run of `project` that stops on Ctrl-C.
pub async fn start_run(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
    interrupts: &InterruptTokens,
    recording: Option<&Utf8Path>,
    on_leased: OnLeased,
) -> Result<Arc<ProjectRun>, CommandError> {
    let factory = make_run_factory(invocation, data)?;
    let options = RunOptions {
        stop: stop_on_interrupt(interrupts),
        on_leased,
        recording: recording.map(|file| file.as_std_path().to_owned()),
        observed_lease: None,
    };
    Ok(factory.start_run(project, options).await?)
}

fn stop_on_interrupt(interrupts: &InterruptTokens) -> StopRequest {
    let (stop, interrupts) = (StopRequest::default(), interrupts.clone());
    let handle = stop.clone();
    tokio::spawn(async move {
        interrupts.soft.cancelled().await;
        handle.interrupt(StopReason::Interrupted);
        interrupts.hard.cancelled().await;
        handle.kill(StopReason::Interrupted);
    });
    stop
}

/// Returns the path of the `eklavya` program.
pub fn current_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| {
        let message = format!("cannot find the path of the eklavya program: {error}");
        CommandError::new(CommandErrorKind::Environment, message)
    })
}

fn search_path(invocation: &CommandInvocation) -> Result<&str, CommandError> {
    let path = invocation.environment.get("PATH")?;
    Ok(path.unwrap_or(SEARCH_PATH))
}

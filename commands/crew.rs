//! What the commands work with: the project's site, and the worker that lets agents work there.

use std::path::PathBuf;
use std::sync::Arc;

use camino::Utf8Path;
use eklavya::claude::locate;
use eklavya::domain::project::Project;
use eklavya::gateway::Recorder;
use eklavya::sandbox::{Demands, Sandbox, User};
use eklavya::services::Desk;
use eklavya::vcs::Git;
use eklavya::workflow::site::user_of;
use eklavya::workflow::{Patience, Site, SiteSpec, Stop, StopReason, Worker, WorkerSpec};

use crate::error::{CommandError, Kind};
use crate::interrupts::Interrupts;
use crate::invocation::Invocation;

/// Opens the place of `project` on this machine, with the isolation that the command line asks for.
pub async fn site(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
) -> Result<Site, CommandError> {
    let user = user_of(invocation.config()?, project);
    let (sandbox, git) = tokio::join!(sandbox(invocation, user), Git::locate());
    open(invocation, desk, project, sandbox?, git?).await
}

/// Returns the isolation that the command line asks for; `user` is whom root becomes.
pub async fn sandbox(invocation: &Invocation, user: User) -> Result<Sandbox, CommandError> {
    let exe = own_program()?;
    if invocation.no_sandbox {
        let warning = "agents run WITHOUT a sandbox: they can read and change whatever you can";
        invocation.printer.warn(warning);
        return Ok(Sandbox::none(exe));
    }
    let demands = Demands {
        landlock: invocation.config()?.sandbox.landlock,
    };
    Ok(Sandbox::probe(search_path(invocation)?.as_ref(), exe, Some(user), demands).await?)
}

/// Opens the place of `project` for work on its records and its repository, which runs nothing.
pub async fn records(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
) -> Result<Site, CommandError> {
    let sandbox = Sandbox::none(own_program()?);
    open(invocation, desk, project, sandbox, Git::locate().await?).await
}

async fn open(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
    sandbox: Sandbox,
    git: Git,
) -> Result<Site, CommandError> {
    let spec = SiteSpec {
        desk: desk.clone(),
        config: invocation.config()?.clone(),
        sandbox,
        git,
        exe: own_program()?,
    };
    Ok(Site::open(spec, project).await?)
}

/// Starts a worker for `project`.
pub async fn worker(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
    interrupts: &Interrupts,
    record: Option<&Utf8Path>,
    patience: Patience,
) -> Result<Arc<Worker>, CommandError> {
    let config = invocation.config()?;
    let path = search_path(invocation)?;
    let places: Vec<PathBuf> = std::env::split_paths(path).collect();
    let configured = config.claude_path.as_ref().map(|path| path.as_std_path());
    // Each asks programs that take their time to answer, and none needs the others' answers.
    let (cli, site) = tokio::join!(
        locate::locate(configured, &places),
        site(invocation, desk, project)
    );
    let (cli, site) = (cli?, site?);
    let recorder = match record {
        Some(file) => Some(Arc::new(Recorder::open(file.as_std_path())?)),
        None => None,
    };
    let stop = stop_of(interrupts);
    let spec = WorkerSpec {
        cli,
        stop,
        recorder,
        patience,
    };
    Ok(Arc::new(Worker::start(spec, site).await?))
}

fn stop_of(interrupts: &Interrupts) -> Stop {
    let (stop, interrupts) = (Stop::default(), interrupts.clone());
    let handle = stop.clone();
    tokio::spawn(async move {
        interrupts.soft.cancelled().await;
        handle.softly(StopReason::Interrupted);
        interrupts.hard.cancelled().await;
        handle.hard(StopReason::Interrupted);
    });
    stop
}

fn own_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| {
        let message = format!("cannot tell where the eklavya program is: {error}");
        CommandError::new(Kind::Environment, message)
    })
}

fn search_path(invocation: &Invocation) -> Result<&str, CommandError> {
    let path = invocation.environment.get("PATH")?;
    Ok(path.unwrap_or("/usr/local/bin:/usr/bin:/bin"))
}

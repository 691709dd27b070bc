//! What the commands work with: the project's site, and the worker that lets agents work there.

use std::path::PathBuf;
use std::sync::Arc;

use camino::Utf8Path;
use eklavya_claude::cli::locate::{self, ClaudeCli, LocateError};
use eklavya_config::Config;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::project::Project;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_engine::capacity::{Capacity, CapacityLimits};
use eklavya_engine::context::paths::DataDirectoryPaths;
use eklavya_engine::context::site::sandbox_user;
use eklavya_engine::{
    ObservedLease, OnLeased, ProjectRun, ProjectRunSpec, Site, SiteSpec, StopReason, StopRequest,
};
use eklavya_gateway::RehearsalRecorder;
use eklavya_git::GitProgram;
use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{KernelRequirements, Sandbox, SandboxUser};
use eklavya_services::DataStore;

use crate::error::{CommandError, CommandErrorKind};
use crate::interrupts::InterruptTokens;
use crate::invocation::CommandInvocation;
use crate::output::OutputPrinter;

/// What it takes to let agents work, whatever the project.
#[derive(Debug, Clone)]
pub struct RunFactory {
    config: Config,
    search_path: String,
    no_sandbox: bool,
    printer: OutputPrinter,
    exe: PathBuf,
    capacity: Arc<Capacity>,
}

/// How a worker begins.
#[derive(Debug)]
pub struct RunOptions<'a> {
    /// How its work is stopped.
    pub stop: StopRequest,
    /// What it does where another one holds the project.
    pub on_leased: OnLeased,
    /// Where the model's answers are recorded.
    pub record: Option<&'a Utf8Path>,
    /// What was seen of the project's lease before.
    pub watched: Option<ObservedLease>,
}

impl RunFactory {
    /// Returns what the command line asks for.
    pub fn of(invocation: &CommandInvocation, data: &DataStore) -> Result<Self, CommandError> {
        let config = invocation.config()?.clone();
        let slots = config.home.path.join("slots").into_std_path_buf();
        let limits = CapacityLimits::from_settings(&config.worker);
        Ok(Self {
            search_path: search_path(invocation)?.to_owned(),
            no_sandbox: invocation.no_sandbox,
            printer: invocation.printer.clone(),
            exe: current_program()?,
            capacity: Capacity::new(slots, limits, Arc::clone(&data.clock)),
            config,
        })
    }

    /// Makes sure that agents could work here, for a process that does so for a long time.
    pub async fn ensure_usable(&self) -> Result<(), CommandError> {
        let (cli, git) = tokio::join!(self.locate_cli(), GitProgram::locate());
        cli?;
        git?;
        if !self.no_sandbox {
            // One of those that agents become; each project has one of its own.
            let uid = self.config.sandbox.uid_base + 1;
            let user = SandboxUser { uid, gid: uid };
            self.open_isolation(None, user).await?;
        }
        Ok(())
    }

    async fn locate_cli(&self) -> Result<ClaudeCli, LocateError> {
        let places: Vec<PathBuf> = std::env::split_paths(&self.search_path).collect();
        let configured = self.config.claude_path.as_ref();
        locate::locate_cli(configured.map(|path| path.as_std_path()), &places).await
    }

    async fn open_isolation(
        &self,
        chosen: Option<IsolationKind>,
        user: SandboxUser,
    ) -> Result<Sandbox, CommandError> {
        let place = (self.search_path.as_str(), self.exe.clone());
        open_isolation(&self.config, chosen, place, user).await
    }

    async fn open_sandbox(&self, project: &Project) -> Result<Sandbox, CommandError> {
        if self.no_sandbox {
            let warning = "agents run WITHOUT a sandbox: they can read and change whatever you can";
            self.printer.warn(warning);
            return Ok(Sandbox::unsandboxed(self.exe.clone()));
        }
        self.open_isolation(project.isolation, sandbox_user(&self.config, project))
            .await
    }

    async fn open_site(&self, data: &DataStore, project: &Project) -> Result<Site, CommandError> {
        let (sandbox, git) = tokio::join!(self.open_sandbox(project), GitProgram::locate());
        self.open_site_in(data, project, sandbox?, git?).await
    }

    async fn open_site_in(
        &self,
        data: &DataStore,
        project: &Project,
        sandbox: Sandbox,
        git: GitProgram,
    ) -> Result<Site, CommandError> {
        let spec = SiteSpec {
            data: data.clone(),
            config: self.config.clone(),
            sandbox,
            git,
            exe: self.exe.clone(),
            search_directories: std::env::split_paths(&self.search_path).collect(),
        };
        Ok(Site::open(spec, project).await?)
    }

    /// Starts a worker for `project`.
    pub async fn start_run(
        &self,
        data: &DataStore,
        project: &Project,
        start: RunOptions<'_>,
    ) -> Result<Arc<ProjectRun>, CommandError> {
        // Each asks programs that take their time to answer, and none needs the others' answers.
        let (cli, site) = tokio::join!(self.locate_cli(), self.open_site(data, project));
        let (cli, site) = (cli?, site?);
        let recorder = match start.record {
            Some(file) => Some(Arc::new(RehearsalRecorder::open(file.as_std_path())?)),
            None => None,
        };
        let spec = ProjectRunSpec {
            cli,
            stop: start.stop,
            recorder,
            on_leased: start.on_leased,
            capacity: Arc::clone(&self.capacity),
            observed_lease: start.watched,
        };
        Ok(Arc::new(ProjectRun::start(spec, site).await?))
    }
}

/// Returns the sandbox of this machine by the isolation `chosen`, or else the configured one; `user`
/// is whom root becomes.
pub async fn open_sandbox(
    invocation: &CommandInvocation,
    chosen: Option<IsolationKind>,
    user: SandboxUser,
) -> Result<Sandbox, CommandError> {
    let config = invocation.config()?;
    let place = (search_path(invocation)?, current_program()?);
    open_isolation(config, chosen, place, user).await
}

async fn open_isolation(
    config: &Config,
    chosen: Option<IsolationKind>,
    (search_path, exe): (&str, PathBuf),
    user: SandboxUser,
) -> Result<Sandbox, CommandError> {
    let demands = KernelRequirements {
        landlock: config.sandbox.min_landlock_abi,
    };
    let sandbox = match chosen.unwrap_or(config.sandbox.isolation) {
        IsolationKind::Bubblewrap => {
            Sandbox::probe_bubblewrap(search_path.as_ref(), exe, Some(user), demands).await?
        }
        IsolationKind::Docker => {
            Sandbox::probe_docker(docker_settings(config)?, exe, Some(user), demands).await?
        }
    };
    Ok(sandbox)
}

/// Returns which Docker the configuration names, for this data directory.
pub fn docker_settings(config: &Config) -> Result<DockerSettings, CommandError> {
    let home = DataDirectoryPaths::new(config.home.path.as_std_path());
    let installation = home.ensure_identity().map_err(|error| {
        let message = format!(
            "cannot use the data directory {}: {error}",
            config.home.path
        );
        CommandError::new(CommandErrorKind::Environment, message)
    })?;
    Ok(DockerSettings {
        socket: config.docker.socket.clone().into(),
        stages: home.containers(),
        installation,
        limits: ContainerLimits {
            memory_mib: config.docker.memory_mib,
            cpus: config.docker.cpus,
            pids: config.docker.pids,
        },
    })
}

/// Opens the place of `project` on this machine, with the isolation that the command line asks for.
pub async fn open_site(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
) -> Result<Site, CommandError> {
    RunFactory::of(invocation, data)?
        .open_site(data, project)
        .await
}

/// Opens the place of `project` for work on its records and its repository, which runs nothing.
pub async fn open_site_without_sandbox(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
) -> Result<Site, CommandError> {
    let outfit = RunFactory::of(invocation, data)?;
    let sandbox = Sandbox::unsandboxed(outfit.exe.clone());
    let git = GitProgram::locate().await?;
    outfit.open_site_in(data, project, sandbox, git).await
}

/// Starts a worker for `project` that stops when the person at the terminal says so.
pub async fn start_run(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
    interrupts: &InterruptTokens,
    record: Option<&Utf8Path>,
    patience: OnLeased,
) -> Result<Arc<ProjectRun>, CommandError> {
    let outfit = RunFactory::of(invocation, data)?;
    let start = RunOptions {
        stop: stop_on_interrupt(interrupts),
        on_leased: patience,
        record,
        watched: None,
    };
    outfit.start_run(data, project, start).await
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

/// Returns the `eklavya` program.
pub fn current_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| {
        let message = format!("cannot tell where the eklavya program is: {error}");
        CommandError::new(CommandErrorKind::Environment, message)
    })
}

fn search_path(invocation: &CommandInvocation) -> Result<&str, CommandError> {
    let path = invocation.environment.get("PATH")?;
    Ok(path.unwrap_or(SEARCH_PATH))
}

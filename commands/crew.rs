//! What the commands work with: the project's site, and the worker that lets agents work there.

use std::path::PathBuf;
use std::sync::Arc;

use camino::Utf8Path;
use eklavya_claude::locate::{self, ClaudeCli, LocateError};
use eklavya_config::Config;
use eklavya_core::domain::isolation::IsolationKind;
use eklavya_core::domain::project::Project;
use eklavya_engine::capacity::{Capacity, CapacityLimits};
use eklavya_engine::paths::Paths;
use eklavya_engine::site::user_of;
use eklavya_engine::{Patience, Site, SiteSpec, Stop, StopReason, Watched, Worker, WorkerSpec};
use eklavya_gateway::Recorder;
use eklavya_git::Git;
use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{Demands, Sandbox, User};
use eklavya_services::Desk;

use crate::error::{CommandError, Kind};
use crate::interrupts::Interrupts;
use crate::invocation::Invocation;
use crate::output::Printer;

/// What it takes to let agents work, whatever the project.
#[derive(Debug, Clone)]
pub struct Outfit {
    config: Config,
    search_path: String,
    no_sandbox: bool,
    printer: Printer,
    exe: PathBuf,
    capacity: Arc<Capacity>,
}

/// How a worker begins.
#[derive(Debug)]
pub struct Start<'a> {
    /// How its work is stopped.
    pub stop: Stop,
    /// What it does where another one holds the project.
    pub patience: Patience,
    /// Where the model's answers are recorded.
    pub record: Option<&'a Utf8Path>,
    /// What was seen of the project's lease before.
    pub watched: Option<Watched>,
}

impl Outfit {
    /// Returns what the command line asks for.
    pub fn of(invocation: &Invocation, desk: &Desk) -> Result<Self, CommandError> {
        let config = invocation.config()?.clone();
        let slots = config.home.path.join("slots").into_std_path_buf();
        let limits = CapacityLimits::of(&config.worker);
        Ok(Self {
            search_path: search_path(invocation)?.to_owned(),
            no_sandbox: invocation.no_sandbox,
            printer: invocation.printer.clone(),
            exe: own_program()?,
            capacity: Capacity::new(slots, limits, Arc::clone(&desk.clock)),
            config,
        })
    }

    /// Makes sure that agents could work here, for a process that does so for a long time.
    pub async fn check(&self) -> Result<(), CommandError> {
        let (cli, git) = tokio::join!(self.cli(), Git::locate());
        cli?;
        git?;
        if !self.no_sandbox {
            // One of those that agents become; each project has one of its own.
            let uid = self.config.sandbox.uid_base + 1;
            let user = User { uid, gid: uid };
            self.isolation(None, user).await?;
        }
        Ok(())
    }

    async fn cli(&self) -> Result<ClaudeCli, LocateError> {
        let places: Vec<PathBuf> = std::env::split_paths(&self.search_path).collect();
        let configured = self.config.claude_path.as_ref();
        locate::locate(configured.map(|path| path.as_std_path()), &places).await
    }

    async fn isolation(
        &self,
        chosen: Option<IsolationKind>,
        user: User,
    ) -> Result<Sandbox, CommandError> {
        let place = (self.search_path.as_str(), self.exe.clone());
        isolation(&self.config, chosen, place, user).await
    }

    async fn sandbox(&self, project: &Project) -> Result<Sandbox, CommandError> {
        if self.no_sandbox {
            let warning = "agents run WITHOUT a sandbox: they can read and change whatever you can";
            self.printer.warn(warning);
            return Ok(Sandbox::none(self.exe.clone()));
        }
        self.isolation(project.isolation, user_of(&self.config, project))
            .await
    }

    async fn site(&self, desk: &Desk, project: &Project) -> Result<Site, CommandError> {
        let (sandbox, git) = tokio::join!(self.sandbox(project), Git::locate());
        self.open(desk, project, sandbox?, git?).await
    }

    async fn open(
        &self,
        desk: &Desk,
        project: &Project,
        sandbox: Sandbox,
        git: Git,
    ) -> Result<Site, CommandError> {
        let spec = SiteSpec {
            desk: desk.clone(),
            config: self.config.clone(),
            sandbox,
            git,
            exe: self.exe.clone(),
            search: std::env::split_paths(&self.search_path).collect(),
        };
        Ok(Site::open(spec, project).await?)
    }

    /// Starts a worker for `project`.
    pub async fn worker(
        &self,
        desk: &Desk,
        project: &Project,
        start: Start<'_>,
    ) -> Result<Arc<Worker>, CommandError> {
        // Each asks programs that take their time to answer, and none needs the others' answers.
        let (cli, site) = tokio::join!(self.cli(), self.site(desk, project));
        let (cli, site) = (cli?, site?);
        let recorder = match start.record {
            Some(file) => Some(Arc::new(Recorder::open(file.as_std_path())?)),
            None => None,
        };
        let spec = WorkerSpec {
            cli,
            stop: start.stop,
            recorder,
            patience: start.patience,
            capacity: Arc::clone(&self.capacity),
            watched: start.watched,
        };
        Ok(Arc::new(Worker::start(spec, site).await?))
    }
}

/// Returns the sandbox of this machine by the isolation `chosen`, or else the configured one; `user`
/// is whom root becomes.
pub async fn sandbox(
    invocation: &Invocation,
    chosen: Option<IsolationKind>,
    user: User,
) -> Result<Sandbox, CommandError> {
    let config = invocation.config()?;
    let place = (search_path(invocation)?, own_program()?);
    isolation(config, chosen, place, user).await
}

async fn isolation(
    config: &Config,
    chosen: Option<IsolationKind>,
    (search_path, exe): (&str, PathBuf),
    user: User,
) -> Result<Sandbox, CommandError> {
    let demands = Demands {
        landlock: config.sandbox.landlock,
    };
    let sandbox = match chosen.unwrap_or(config.sandbox.isolation) {
        IsolationKind::Bubblewrap => {
            Sandbox::probe(search_path.as_ref(), exe, Some(user), demands).await?
        }
        IsolationKind::Docker => {
            Sandbox::docker(docker_settings(config)?, exe, Some(user), demands).await?
        }
    };
    Ok(sandbox)
}

/// Returns which Docker the configuration names, for this data directory.
pub fn docker_settings(config: &Config) -> Result<DockerSettings, CommandError> {
    let home = Paths::new(config.home.path.as_std_path());
    let installation = home.identity().map_err(|error| {
        let message = format!(
            "cannot use the data directory {}: {error}",
            config.home.path
        );
        CommandError::new(Kind::Environment, message)
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
pub async fn site(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
) -> Result<Site, CommandError> {
    Outfit::of(invocation, desk)?.site(desk, project).await
}

/// Opens the place of `project` for work on its records and its repository, which runs nothing.
pub async fn records(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
) -> Result<Site, CommandError> {
    let outfit = Outfit::of(invocation, desk)?;
    let sandbox = Sandbox::none(outfit.exe.clone());
    let git = Git::locate().await?;
    outfit.open(desk, project, sandbox, git).await
}

/// Starts a worker for `project` that stops when the person at the terminal says so.
pub async fn worker(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
    interrupts: &Interrupts,
    record: Option<&Utf8Path>,
    patience: Patience,
) -> Result<Arc<Worker>, CommandError> {
    let outfit = Outfit::of(invocation, desk)?;
    let start = Start {
        stop: stop_of(interrupts),
        patience,
        record,
        watched: None,
    };
    outfit.worker(desk, project, start).await
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

/// Returns the `eklavya` program.
pub fn own_program() -> Result<PathBuf, CommandError> {
    std::env::current_exe().map_err(|error| {
        let message = format!("cannot tell where the eklavya program is: {error}");
        CommandError::new(Kind::Environment, message)
    })
}

fn search_path(invocation: &Invocation) -> Result<&str, CommandError> {
    let path = invocation.environment.get("PATH")?;
    Ok(path.unwrap_or("/usr/local/bin:/usr/bin:/bin"))
}

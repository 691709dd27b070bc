//! The cost of a sandbox: the start of a program that does nothing, and a session of the CLI, each
//! compared with the same program run bare.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::agent::role::Role;
use eklavya_core::process;
use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{
    KernelRequirements, ProgramSpec, ProtectionLayer, Sandbox, SandboxProfile, SandboxSpec,
    SandboxUser, StdioStreams, WorkspaceDirs, chown_socket, chown_tree,
};
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;

use crate::options::BenchOptions;
use crate::pipeline::model_endpoint::ModelEndpoint;
use crate::pipeline::scripted_conversations::ScriptedConversations;
use crate::pipeline::session::CliSession;
use crate::results::comparison::{PerformanceGoal, TimingComparison};
use crate::results::report::ReportWriter;
use crate::{BenchError, SEARCH_PATH};

const GOAL: PerformanceGoal = PerformanceGoal::times(1.15);
/// The goal for containers, whose start takes the same time for sessions of any length.
const DOCKER_GOAL: PerformanceGoal = PerformanceGoal {
    ratio: None,
    seconds: None,
    added: Some(0.5),
};
/// The starts of the program that does nothing in each round.
const STARTS: u32 = 10;
/// The user of the sandbox if the benchmark runs as root.
const USER: SandboxUser = SandboxUser {
    uid: 700_000,
    gid: 700_000,
};
/// The task whose part is played: it reads, writes, runs a command and ends with a text.
const TASK: &str = "T1";
/// A sandbox without the protection layers inside the namespaces.
const NAMESPACES_ONLY: [ProtectionLayer; 3] = [
    ProtectionLayer::Landlock,
    ProtectionLayer::Seccomp,
    ProtectionLayer::Limits,
];

/// Measures all sides alternately. The side that starts changes with every round.
pub async fn measure(
    options: &BenchOptions,
    cli: &ClaudeCli,
) -> Result<Vec<TimingComparison>, BenchError> {
    let bench = SandboxBench::new(options, cli).await?;
    let mut start = TimingComparison::new("sandbox", Some("start"), None);
    let mut namespaces = TimingComparison::new("sandbox", Some("session, namespaces only"), None);
    let mut session = TimingComparison::new("sandbox", None, Some(GOAL));
    let mut docker = DockerComparisons::new();
    // A warm-up loads programs and files into memory, and fills the homes.
    bench.time_bare_session().await?;
    bench.time_sandboxed_session(&bench.sandbox, &[]).await?;
    if let Some(sandbox) = &bench.docker {
        bench.time_sandboxed_session(sandbox, &[]).await?;
    }
    for round in 1..=options.rounds {
        for _ in 0..STARTS {
            start
                .subject
                .add(bench.time_sandboxed_start(&bench.sandbox).await?);
            let took = bench.time_bare_start().await?;
            start.reference.add(took);
            if let Some(sandbox) = &bench.docker {
                docker
                    .start
                    .subject
                    .add(bench.time_sandboxed_start(sandbox).await?);
                docker.start.reference.add(took);
            }
        }
        let mut order = [0, 1, 2, 3];
        order.rotate_left(usize::try_from(round % 4)?);
        for label in order {
            match label {
                0 => {
                    let took = bench.time_bare_session().await?;
                    namespaces.reference.add(took);
                    session.reference.add(took);
                    docker.session.reference.add(took);
                }
                1 => {
                    let took = bench
                        .time_sandboxed_session(&bench.sandbox, &NAMESPACES_ONLY)
                        .await?;
                    namespaces.subject.add(took);
                }
                2 => {
                    let took = bench.time_sandboxed_session(&bench.sandbox, &[]).await?;
                    session.subject.add(took);
                }
                _ => {
                    if let Some(sandbox) = &bench.docker {
                        docker
                            .session
                            .subject
                            .add(bench.time_sandboxed_session(sandbox, &[]).await?);
                    }
                }
            }
        }
        ReportWriter::print_progress(&format!("round {round} of {}", options.rounds));
    }
    let mut all = vec![start, namespaces, session];
    if bench.docker.is_some() {
        all.extend([docker.start, docker.session]);
    }
    Ok(all)
}

/// The measurements in containers.
struct DockerComparisons {
    start: TimingComparison,
    session: TimingComparison,
}

impl DockerComparisons {
    fn new() -> Self {
        Self {
            start: TimingComparison::new("sandbox", Some("start, docker"), None),
            session: TimingComparison::new("sandbox", Some("session, docker"), Some(DOCKER_GOAL)),
        }
    }
}

struct SandboxBench {
    _directory: tempfile::TempDir,
    sandbox: Sandbox,
    docker: Option<Sandbox>,
    dirs: WorkspaceDirs,
    bare: PathBuf,
    program: PathBuf,
    model: ModelEndpoint,
    conversations: ScriptedConversations,
    _door: JoinHandle<()>,
}

impl SandboxBench {
    async fn new(options: &BenchOptions, cli: &ClaudeCli) -> Result<Self, BenchError> {
        let place = crate::create_directory(options)?;
        let (search, exe) = (SEARCH_PATH.as_ref(), options.eklavya.clone());
        let sandbox =
            Sandbox::probe_bubblewrap(search, exe, Some(USER), KernelRequirements::default())
                .await?;
        let docker = match &options.docker {
            Some(socket) => Some(docker_sandbox(options, socket, place.path()).await?),
            None => None,
        };
        let dirs = WorkspaceDirs::below(&place.path().join("held"));
        let owner = sandbox.effective_user(Some(USER));
        dirs.create(owner)?;
        let bare = place.path().join("bare");
        for clone in [&dirs.clone, &bare.join("clone")] {
            create_repository(clone)?;
        }
        if let Some(owner) = owner {
            chown_tree(&dirs.clone, owner)?;
        }
        let model = ModelEndpoint::start().await?;
        let socket = dirs.door.join("gateway.sock");
        let door = UnixListener::bind(&socket)?;
        chown_socket(&socket, owner)?;
        Ok(Self {
            _door: tokio::spawn(forward_door(door, model.port())),
            conversations: ScriptedConversations::load(options.delay)?,
            program: cli.program.clone(),
            sandbox,
            docker,
            dirs,
            bare,
            model,
            _directory: place,
        })
    }

    /// Returns the session with the part `name` in `clone`, and with its directories in `own`.
    fn session(&self, name: &str, clone: &Path, own: &Path) -> Result<CliSession, BenchError> {
        let answers = self.conversations.answers(Role::Developer, TASK, clone)?;
        Ok(CliSession {
            program: self.program.clone(),
            role: Role::Developer,
            clone: clone.to_owned(),
            own: own.to_owned(),
            url: self.model.add_session(name, answers),
        })
    }

    async fn time_bare_session(&self) -> Result<Duration, BenchError> {
        let session = self.session("bare", &self.bare.join("clone"), &self.bare)?;
        let start = Instant::now();
        session.run().await?;
        Ok(start.elapsed())
    }

    async fn time_sandboxed_session(
        &self,
        sandbox: &Sandbox,
        without: &[ProtectionLayer],
    ) -> Result<Duration, BenchError> {
        // The URL of a door has no path of a part, so the endpoint sees the first segment of
        // `/v1/messages`.
        let own = self
            .dirs
            .clone
            .parent()
            .ok_or("a directory has no parent")?;
        let session = self.session("v1", &self.dirs.clone, own)?;
        let invocation = session.invocation()?;
        let words = |text: String| OsString::from(text);
        let inner = ProgramSpec {
            program: invocation.program.into(),
            args: invocation.args.into_iter().map(words).collect(),
            env: invocation
                .env
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            cwd: Some(invocation.cwd),
        };
        let mut spec = self.spec(without);
        spec.tool_binaries = vec![self.program.clone()];
        spec.door = Some(self.dirs.door.clone());
        let streams = StdioStreams {
            stderr: Stdio::null(),
            ..StdioStreams::piped()
        };
        let start = Instant::now();
        let mut child = sandbox.spawn(&spec, inner, streams).await?;
        let pipes = child.take_stdin().zip(child.take_stdout());
        let (stdin, stdout) = pipes.ok_or("a pipe is missing")?;
        session.exchange_messages(stdin, stdout).await??;
        let exit = child.wait().await?;
        if exit.is_success() {
            Ok(start.elapsed())
        } else {
            Err(format!("the CLI ended with {exit:?}").into())
        }
    }

    fn spec(&self, without: &[ProtectionLayer]) -> SandboxSpec {
        let mut spec = SandboxSpec::new(SandboxProfile::Agent(Role::Developer), &self.dirs);
        spec.user = Some(USER);
        spec.disabled_layers = without.to_vec();
        spec
    }

    async fn time_sandboxed_start(&self, sandbox: &Sandbox) -> Result<Duration, BenchError> {
        let (inner, spec) = (ProgramSpec::new("/usr/bin/true", [""; 0]), self.spec(&[]));
        let start = Instant::now();
        let mut child = sandbox.spawn(&spec, inner, StdioStreams::piped()).await?;
        child.wait().await?;
        Ok(start.elapsed())
    }

    async fn time_bare_start(&self) -> Result<Duration, BenchError> {
        let start = Instant::now();
        process::new_command("/usr/bin/true").status().await?;
        Ok(start.elapsed())
    }
}

/// Returns the sandbox of Docker's containers.
async fn docker_sandbox(
    options: &BenchOptions,
    socket: &Path,
    place: &Path,
) -> Result<Sandbox, BenchError> {
    let settings = DockerSettings {
        socket: socket.to_owned(),
        stages: place.join("containers"),
        installation: "bench".to_owned(),
        limits: ContainerLimits {
            memory_mib: 4096,
            cpus: None,
            pids: 4096,
        },
    };
    let exe = options.eklavya.clone();
    Ok(Sandbox::probe_docker(settings, exe, Some(USER), KernelRequirements::default()).await?)
}

/// Creates a repository like that of a project after its demo was approved.
fn create_repository(clone: &Path) -> Result<(), BenchError> {
    for directory in ["site", "tests"] {
        std::fs::create_dir_all(clone.join(directory))?;
    }
    std::fs::write(clone.join("site/index.html"), "<h1>coffee</h1>\n")?;
    std::fs::write(clone.join("tests/run.sh"), "test -f site/index.html\n")?;
    let mut git = process::new_command("git").into_std();
    git.args(["init", "--quiet"]).arg(clone);
    let made = git.env("HOME", clone).env("PATH", SEARCH_PATH).status()?;
    if made.success() {
        Ok(())
    } else {
        Err(format!("git init ended with {made}").into())
    }
}

/// Forwards connections from the sandbox's door to the model.
async fn forward_door(door: UnixListener, port: u16) {
    while let Ok((mut client, _)) = door.accept().await {
        tokio::spawn(async move {
            if let Ok(mut model) = TcpStream::connect(("127.0.0.1", port)).await {
                let _ = model.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut client, &mut model).await;
            }
        });
    }
}

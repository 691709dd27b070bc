//! What a sandbox costs: the start of a program that does nothing, and a session of the CLI, each
//! beside the same bare.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use eklavya_claude::locate::ClaudeCli;
use eklavya_core::domain::role::Role;
use eklavya_core::process;
use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{
    Demands, Dirs, Guard, Inner, Profile, Sandbox, Spec, Streams, User, hand_over, share_socket,
};
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;

use crate::comparison::{Comparison, Goal};
use crate::options::Options;
use crate::pipeline::conversations::Conversations;
use crate::pipeline::model::Model;
use crate::pipeline::session::Session;
use crate::report::Report;
use crate::{Fault, SEARCH_PATH};

const GOAL: Goal = Goal::times(1.15);
/// For containers, whose start takes as long however long the session is.
const DOCKER_GOAL: Goal = Goal {
    ratio: None,
    seconds: None,
    added: Some(0.5),
};
/// Starts of the program that does nothing, for each round of the session.
const STARTS: u32 = 10;
/// Whom root becomes.
const USER: User = User {
    uid: 700_000,
    gid: 700_000,
};
/// The task whose part is played: some reading, some writing, a command, a closing word.
const TASK: &str = "T1";
/// A sandbox without the walls that stand inside the namespaces.
const NAMESPACES_ONLY: [Guard; 3] = [Guard::Landlock, Guard::Seccomp, Guard::Limits];

/// Measures all in turn: whoever begins changes with every round.
pub async fn measure(options: &Options, cli: &ClaudeCli) -> Result<Vec<Comparison>, Fault> {
    let bench = Bench::new(options, cli).await?;
    let mut start = Comparison::new("sandbox", Some("start"), None);
    let mut namespaces = Comparison::new("sandbox", Some("session, namespaces only"), None);
    let mut session = Comparison::new("sandbox", None, Some(GOAL));
    let mut docker = Docker::new();
    // Once for nothing: it brings programs and files into memory, and fills the homes.
    bench.bare().await?;
    bench.held(&bench.sandbox, &[]).await?;
    if let Some(sandbox) = &bench.docker {
        bench.held(sandbox, &[]).await?;
    }
    for round in 1..=options.rounds {
        for _ in 0..STARTS {
            start.subject.add(bench.start_held(&bench.sandbox).await?);
            let took = bench.start_bare().await?;
            start.reference.add(took);
            if let Some(sandbox) = &bench.docker {
                docker.start.subject.add(bench.start_held(sandbox).await?);
                docker.start.reference.add(took);
            }
        }
        let mut order = [0, 1, 2, 3];
        order.rotate_left(usize::try_from(round % 4)?);
        for who in order {
            match who {
                0 => {
                    let took = bench.bare().await?;
                    namespaces.reference.add(took);
                    session.reference.add(took);
                    docker.session.reference.add(took);
                }
                1 => {
                    let took = bench.held(&bench.sandbox, &NAMESPACES_ONLY).await?;
                    namespaces.subject.add(took);
                }
                2 => {
                    let took = bench.held(&bench.sandbox, &[]).await?;
                    session.subject.add(took);
                }
                _ => {
                    if let Some(sandbox) = &bench.docker {
                        docker.session.subject.add(bench.held(sandbox, &[]).await?);
                    }
                }
            }
        }
        Report::progress(&format!("round {round} of {}", options.rounds));
    }
    let mut all = vec![start, namespaces, session];
    if bench.docker.is_some() {
        all.extend([docker.start, docker.session]);
    }
    Ok(all)
}

/// What is measured in containers.
struct Docker {
    start: Comparison,
    session: Comparison,
}

impl Docker {
    fn new() -> Self {
        Self {
            start: Comparison::new("sandbox", Some("start, docker"), None),
            session: Comparison::new("sandbox", Some("session, docker"), Some(DOCKER_GOAL)),
        }
    }
}

struct Bench {
    _place: tempfile::TempDir,
    sandbox: Sandbox,
    docker: Option<Sandbox>,
    dirs: Dirs,
    bare: PathBuf,
    program: PathBuf,
    model: Model,
    conversations: Conversations,
    _door: JoinHandle<()>,
}

impl Bench {
    async fn new(options: &Options, cli: &ClaudeCli) -> Result<Self, Fault> {
        let place = crate::directory(options)?;
        let (search, exe) = (SEARCH_PATH.as_ref(), options.eklavya.clone());
        let sandbox = Sandbox::probe(search, exe, Some(USER), Demands::default()).await?;
        let docker = match &options.docker {
            Some(socket) => Some(containers(options, socket, place.path()).await?),
            None => None,
        };
        let dirs = Dirs::at(&place.path().join("held"));
        let owner = sandbox.becomes(Some(USER));
        dirs.prepare(owner)?;
        let bare = place.path().join("bare");
        for clone in [&dirs.clone, &bare.join("clone")] {
            lay_out(clone)?;
        }
        if let Some(owner) = owner {
            hand_over(&dirs.clone, owner)?;
        }
        let model = Model::start().await?;
        let socket = dirs.door.join("gateway.sock");
        let door = UnixListener::bind(&socket)?;
        share_socket(&socket, owner)?;
        Ok(Self {
            _door: tokio::spawn(lead(door, model.port())),
            conversations: Conversations::load(options.delay)?,
            program: cli.program.clone(),
            sandbox,
            docker,
            dirs,
            bare,
            model,
            _place: place,
        })
    }

    /// Returns the session that is played under `name` on `clone`, with its directories in `own`.
    fn session(&self, name: &str, clone: &Path, own: &Path) -> Result<Session, Fault> {
        let answers = self.conversations.answers(Role::Developer, TASK, clone)?;
        Ok(Session {
            program: self.program.clone(),
            role: Role::Developer,
            clone: clone.to_owned(),
            own: own.to_owned(),
            url: self.model.play(name, answers),
        })
    }

    async fn bare(&self) -> Result<Duration, Fault> {
        let session = self.session("bare", &self.bare.join("clone"), &self.bare)?;
        let start = Instant::now();
        session.run().await?;
        Ok(start.elapsed())
    }

    async fn held(&self, sandbox: &Sandbox, without: &[Guard]) -> Result<Duration, Fault> {
        // Behind the door the path begins as the CLI makes it.
        let own = self
            .dirs
            .clone
            .parent()
            .ok_or("a directory has no parent")?;
        let session = self.session("v1", &self.dirs.clone, own)?;
        let invocation = session.invocation()?;
        let words = |text: String| OsString::from(text);
        let inner = Inner {
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
        let streams = Streams {
            stderr: Stdio::null(),
            ..Streams::piped()
        };
        let start = Instant::now();
        let mut child = sandbox.spawn(&spec, inner, streams).await?;
        let pipes = child.take_stdin().zip(child.take_stdout());
        let (stdin, stdout) = pipes.ok_or("a pipe is missing")?;
        session.converse(stdin, stdout).await??;
        let exit = child.wait().await?;
        if exit.is_success() {
            Ok(start.elapsed())
        } else {
            Err(format!("the CLI ended with {exit:?}").into())
        }
    }

    fn spec(&self, without: &[Guard]) -> Spec {
        let mut spec = Spec::new(Profile::Agent(Role::Developer), &self.dirs);
        spec.user = Some(USER);
        spec.without = without.to_vec();
        spec
    }

    async fn start_held(&self, sandbox: &Sandbox) -> Result<Duration, Fault> {
        let (inner, spec) = (Inner::new("/usr/bin/true", [""; 0]), self.spec(&[]));
        let start = Instant::now();
        let mut child = sandbox.spawn(&spec, inner, Streams::piped()).await?;
        child.wait().await?;
        Ok(start.elapsed())
    }

    async fn start_bare(&self) -> Result<Duration, Fault> {
        let start = Instant::now();
        process::command("/usr/bin/true").status().await?;
        Ok(start.elapsed())
    }
}

/// Returns the sandbox of Docker's containers.
async fn containers(options: &Options, socket: &Path, place: &Path) -> Result<Sandbox, Fault> {
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
    Ok(Sandbox::docker(settings, exe, Some(USER), Demands::default()).await?)
}

/// Makes a repository like that of a project after its demo was approved.
fn lay_out(clone: &Path) -> Result<(), Fault> {
    for directory in ["site", "tests"] {
        std::fs::create_dir_all(clone.join(directory))?;
    }
    std::fs::write(clone.join("site/index.html"), "<h1>coffee</h1>\n")?;
    std::fs::write(clone.join("tests/run.sh"), "test -f site/index.html\n")?;
    let mut git = process::command("git").into_std();
    git.args(["init", "--quiet"]).arg(clone);
    let made = git.env("HOME", clone).env("PATH", SEARCH_PATH).status()?;
    if made.success() {
        Ok(())
    } else {
        Err(format!("git init ended with {made}").into())
    }
}

/// Carries connections from the sandbox's door to the model.
async fn lead(door: UnixListener, port: u16) {
    while let Ok((mut client, _)) = door.accept().await {
        tokio::spawn(async move {
            if let Ok(mut model) = TcpStream::connect(("127.0.0.1", port)).await {
                let _ = model.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut client, &mut model).await;
            }
        });
    }
}

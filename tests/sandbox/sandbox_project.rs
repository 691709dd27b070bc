//! A project with a clone, and commands that look at it from inside a sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use eklavya_core::agent::role::Role;
use eklavya_sandbox::{
    CommandOutcome, MountAccess, ProgramSpec, RunLimits, Sandbox, SandboxChild, SandboxError,
    SandboxExit, SandboxProfile, SandboxSpec, SandboxUser, StdioStreams, WorkspaceDirs, chown_tree,
    is_root, run_command,
};
use eklavya_testkit::program::eklavya_program;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::backend::SandboxBackend;

pub const PATH: &[(&str, &str)] = &[("PATH", "/usr/bin:/bin")];
pub const LIMITS: RunLimits = RunLimits {
    timeout: Duration::from_mins(1),
    output_bytes: 64 * 1024,
};

/// The longest wait for anything: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A workspace below a directory of mode 0700 that belongs to the caller, as `mktemp -d` makes it.
pub struct SandboxProject {
    pub sandbox: Sandbox,
    pub dir: TempDir,
    pub dirs: WorkspaceDirs,
    pub user: Option<SandboxUser>,
}

pub fn agent_user() -> Option<SandboxUser> {
    is_root().then_some(SandboxUser {
        uid: 70_001,
        gid: 70_001,
    })
}

impl SandboxProject {
    /// Creates a project in the sandbox of a backend.
    pub async fn new(backend: SandboxBackend) -> Self {
        Self::with(backend.sandbox().await).await
    }

    /// Under `--no-sandbox`.
    pub async fn unprotected() -> Self {
        Self::with(Sandbox::unsandboxed(eklavya_program())).await
    }

    async fn with(sandbox: Sandbox) -> Self {
        // Not below /tmp: the sandbox has a /tmp of its own.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let dirs = WorkspaceDirs::below(&dir.path().join("work"));
        let project = Self {
            user: sandbox.effective_user(agent_user()),
            sandbox,
            dir,
            dirs,
        };
        project.dirs.create(project.user).unwrap();
        for name in ["src", "docs", "tests"] {
            fs::create_dir(project.path(name)).unwrap();
            fs::write(project.path(name).join("a"), name).unwrap();
        }
        project.chown_to_agent();
        let made = project
            .run_shell(
                "git init -q . && git add . && git -c user.name=n -c user.email=e commit -qm first",
            )
            .await;
        assert!(made.exit.is_success(), "{made:?}");
        project
    }

    /// Changes the owner of the clone to the agent's user.
    pub fn chown_to_agent(&self) {
        if let Some(user) = self.user {
            chown_tree(&self.dirs.clone, user).unwrap();
        }
    }

    /// A path in the clone.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dirs.clone.join(relative)
    }

    pub fn spec(&self, profile: SandboxProfile) -> SandboxSpec {
        let mut spec = SandboxSpec::new(profile, &self.dirs);
        spec.user = agent_user();
        spec
    }

    /// The sandbox of `role` with a shell and these programs added, to probe its protection layers.
    pub fn probe_spec(&self, role: Role, programs: &[&str]) -> SandboxSpec {
        let mut spec = self.spec(SandboxProfile::Agent(role));
        spec.tool_binaries.push("/bin/dash".into());
        spec.tool_binaries
            .extend(programs.iter().map(PathBuf::from));
        spec
    }

    /// Runs a line in a temporary sandbox that may write.
    pub async fn run_shell(&self, line: &str) -> CommandOutcome {
        self.run(
            &self.spec(SandboxProfile::Command(MountAccess::Write)),
            line,
        )
        .await
    }

    pub async fn run(&self, spec: &SandboxSpec, line: &str) -> CommandOutcome {
        run_command(&self.sandbox, spec, line, PATH, LIMITS)
            .await
            .unwrap()
    }

    /// Runs a line in the shell of [`Self::probe_spec`]; returns whether it succeeded, and what it
    /// printed.
    pub async fn probe(&self, spec: &SandboxSpec, line: &str) -> (bool, String) {
        let dash = PathBuf::from("/bin/dash").canonicalize().unwrap();
        let (exit, output) = self
            .run_program(spec, ProgramSpec::new(dash, ["-c", line]))
            .await
            .unwrap();
        (exit.is_success(), output)
    }

    /// Runs a program; returns how it ended and what it printed, stdout first.
    pub async fn run_program(
        &self,
        spec: &SandboxSpec,
        inner: ProgramSpec,
    ) -> Result<(SandboxExit, String), SandboxError> {
        let inner = inner.env("PATH", "/usr/bin:/bin");
        let mut child = self.start(spec, inner).await?;
        let output = read_output(&mut child).await;
        match child.wait().await {
            Ok(exit) => Ok((exit, output)),
            Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(error) => Err(error),
        }
    }

    pub async fn start(
        &self,
        spec: &SandboxSpec,
        inner: ProgramSpec,
    ) -> Result<SandboxChild, SandboxError> {
        let mut streams = StdioStreams::piped();
        streams.stdin = Stdio::null();
        self.sandbox.spawn(spec, inner, streams).await
    }
}

/// Reads both outputs to their ends.
pub async fn read_output(child: &mut SandboxChild) -> String {
    let (mut stdout, mut stderr) = (child.take_stdout().unwrap(), child.take_stderr().unwrap());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let (one, two) = tokio::join!(
        stdout.read_to_end(&mut first),
        stderr.read_to_end(&mut second)
    );
    one.and(two).unwrap();
    first.extend(second);
    String::from_utf8_lossy(&first).into_owned()
}

/// Returns the processes on this machine whose command line contains `mark`.
pub fn processes_with(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line)
                .replace('\0', " ")
                .contains(mark)
        })
        .collect()
}

/// Waits until `condition` is true; fails after [`PATIENCE`].
pub async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "it never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! A project with a clone, and looking at it from inside a sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use eklavya_core::domain::role::Role;
use eklavya_sandbox::{
    Access, Child, CommandOutcome, Dirs, Exit, Inner, Profile, RunLimits, Sandbox, SandboxError,
    Spec, Streams, User, hand_over, is_root, run_command,
};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

pub const PATH: &[(&str, &str)] = &[("PATH", "/usr/bin:/bin")];
pub const LIMITS: RunLimits = RunLimits {
    timeout: Duration::from_mins(1),
    output_bytes: 64 * 1024,
};

/// A workspace below a directory of mode 0700 that belongs to the caller, as `mktemp -d` makes it.
pub struct Project {
    pub sandbox: Sandbox,
    pub dir: TempDir,
    pub dirs: Dirs,
    pub user: Option<User>,
}

/// The program under test; a test that runs as another user is told of a copy for that user.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where it is"
)]
pub fn exe() -> PathBuf {
    let copy = std::env::var_os("EKLAVYA_TEST_PROGRAM");
    copy.map_or_else(|| env!("CARGO_BIN_EXE_eklavya").into(), PathBuf::from)
}

pub fn user() -> Option<User> {
    is_root().then_some(User {
        uid: 70_001,
        gid: 70_001,
    })
}

impl Project {
    /// In the isolation that is tested.
    pub async fn new() -> Self {
        Self::with(crate::isolation::sandbox().await).await
    }

    /// Under `--no-sandbox`.
    pub async fn unprotected() -> Self {
        Self::with(Sandbox::none(exe())).await
    }

    async fn with(sandbox: Sandbox) -> Self {
        // Not below /tmp, which is another one inside.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let dirs = Dirs::at(&dir.path().join("work"));
        let project = Self {
            user: sandbox.becomes(user()),
            sandbox,
            dir,
            dirs,
        };
        project.dirs.prepare(project.user).unwrap();
        for name in ["src", "docs", "tests"] {
            fs::create_dir(project.path(name)).unwrap();
            fs::write(project.path(name).join("a"), name).unwrap();
        }
        project.own();
        let made = project
            .sh("git init -q . && git add . && git -c user.name=n -c user.email=e commit -qm first")
            .await;
        assert!(made.exit.is_success(), "{made:?}");
        project
    }

    /// Gives what the test has put into the clone to the agent's user.
    pub fn own(&self) {
        if let Some(user) = self.user {
            hand_over(&self.dirs.clone, user).unwrap();
        }
    }

    /// A path in the clone.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dirs.clone.join(relative)
    }

    pub fn spec(&self, profile: Profile) -> Spec {
        let mut spec = Spec::new(profile, &self.dirs);
        spec.user = user();
        spec
    }

    /// The sandbox of `role`, with a shell smuggled in (and these programs), to see what the walls
    /// do without it.
    pub fn probing(&self, role: Role, programs: &[&str]) -> Spec {
        let mut spec = self.spec(Profile::Agent(role));
        spec.tool_binaries.push("/bin/dash".into());
        spec.tool_binaries
            .extend(programs.iter().map(PathBuf::from));
        spec
    }

    /// Runs a line in a throw-away sandbox that may write.
    pub async fn sh(&self, line: &str) -> CommandOutcome {
        self.run(&self.spec(Profile::Command(Access::Write)), line)
            .await
    }

    pub async fn run(&self, spec: &Spec, line: &str) -> CommandOutcome {
        run_command(&self.sandbox, spec, line, PATH, LIMITS)
            .await
            .unwrap()
    }

    /// Runs a line in the shell of [`Project::probing`]; returns whether it succeeded, and what it
    /// printed.
    pub async fn probe(&self, spec: &Spec, line: &str) -> (bool, String) {
        let dash = PathBuf::from("/bin/dash").canonicalize().unwrap();
        let (exit, output) = self
            .inner(spec, Inner::new(dash, ["-c", line]))
            .await
            .unwrap();
        (exit.is_success(), output)
    }

    /// Runs a program; returns how it ended and what it printed, stdout first.
    pub async fn inner(&self, spec: &Spec, inner: Inner) -> Result<(Exit, String), SandboxError> {
        let inner = inner.env("PATH", "/usr/bin:/bin");
        let mut child = self.start(spec, inner).await?;
        let output = output(&mut child).await;
        match child.wait().await {
            Ok(exit) => Ok((exit, output)),
            Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(error) => Err(error),
        }
    }

    pub async fn start(&self, spec: &Spec, inner: Inner) -> Result<Child, SandboxError> {
        let mut streams = Streams::piped();
        streams.stdin = Stdio::null();
        self.sandbox.spawn(spec, inner, streams).await
    }
}

/// Reads both outputs to their ends.
pub async fn output(child: &mut Child) -> String {
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
pub fn processes(mark: &str) -> Vec<u32> {
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

/// Waits until `condition` holds; fails after a long time.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to pass that {what}");
}

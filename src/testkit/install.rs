//! An installation for fault tests: a data directory with a project, the real CLI, and a model
//! endpoint that plays a script and bills the requests.

pub mod database;
mod history;
pub mod ledger_checks;
mod remains;
pub mod running;
pub mod workers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::geteuid;
use tempfile::TempDir;
use uuid::Uuid;

use crate::cli::CommandResult;
use crate::install::database::DatabaseAddress;
use crate::install::running::RunningCommand;
use crate::program::{claude_program, eklavya_program};
use crate::servers::postgres::TestPostgres;
use crate::upstream::FakeUpstream;

/// A model script for a small project with two tasks.
pub const SCRIPT: &str = include_str!("install/two_tasks.yaml");

/// The commands from a brief to a delivered repository.
pub const STAGES: [&[&str]; 7] = [
    &["plan", "shop"],
    &["plan", "approve", "shop", "--yes"],
    &["demo", "build", "shop"],
    &["demo", "approve", "shop", "1", "--yes"],
    &["build", "shop"],
    &["verify", "shop"],
    &["deliver", "shop"],
];

/// A data directory, a model endpoint, and the environment of every command.
pub struct TestInstall {
    directory: TempDir,
    variables: BTreeMap<String, String>,
    /// The prefix of every command, such as `nsenter` with its arguments.
    pub wrapper: Vec<String>,
    /// The credential, different in every installation. Only the endpoint may see it.
    pub key: String,
    pub upstream: FakeUpstream,
    pub database: DatabaseAddress,
    server: Option<TestPostgres>,
}

impl TestInstall {
    /// Returns an installation with the project `shop` and a budget of 25 dollars. The model plays
    /// `script`, and the database is a file.
    pub fn new(script: &str) -> Self {
        Self::empty(script).initialize()
    }

    /// Returns an installation like [`Self::new`] with its database on its own PostgreSQL server.
    pub fn on_postgres(script: &str) -> Self {
        Self::create(script, Some(TestPostgres::start())).initialize()
    }

    /// Returns an installation without a data directory.
    pub fn empty(script: &str) -> Self {
        Self::create(script, None)
    }

    fn initialize(self) -> Self {
        self.run(&["init", "--yes"]).ok();
        self.create_project();
        self
    }

    fn create(script: &str, server: Option<TestPostgres>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        // Agents that root starts run as another user, who must reach the directories below this
        // one.
        let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let database = match &server {
            Some(server) => DatabaseAddress::Server(server.url()),
            None => DatabaseAddress::File(path.join("home/eklavya.db")),
        };
        let upstream = FakeUpstream::start(database.clone(), script);
        let (home, claude) = (path.join("home"), claude_program());
        let key = format!("sk-ant-fake-canary-{}", Uuid::new_v4());
        let variables = [
            ("HOME", path.as_str()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("EKLAVYA_HOME", home.as_str()),
            ("EKLAVYA_CLAUDE_PATH", claude.to_str().unwrap()),
            ("EKLAVYA_MODEL_URL", &upstream.url),
            ("EKLAVYA_DEMO_COUNT", "1"),
            ("EKLAVYA_BROWSER_USE", "off"),
            ("EKLAVYA_AGENTS_GRACE_SECONDS", "2"),
            ("ANTHROPIC_API_KEY", &key),
        ];
        let store = server.as_ref().map(TestPostgres::url);
        let store = store
            .as_ref()
            .map(|url| ("EKLAVYA_STORE_URL", url.as_str()));
        let variables = variables
            .into_iter()
            .chain(store)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            directory,
            variables,
            wrapper: Vec::new(),
            key,
            upstream,
            database,
            server,
        }
    }

    /// Returns the server that the database is on.
    pub fn server(&self) -> &TestPostgres {
        self.server.as_ref().expect("the database is a file")
    }

    /// Creates the project `shop`.
    #[track_caller]
    pub fn create_project(&self) -> CommandResult {
        self.try_create_project().ok()
    }

    /// Tries to create the project `shop`.
    pub fn try_create_project(&self) -> CommandResult {
        fs::write(self.path().join("brief.md"), "A page that says hello.\n").unwrap();
        let arguments = ["project", "new", "Shop", "--brief", "brief.md"];
        let rest = ["--client", "Ada", "--budget", "25", "--yes"];
        self.run(&[&arguments[..], &rest[..]].concat())
    }

    /// Sets a variable in the environment of the commands from now on.
    pub fn set_variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes a variable from the environment of the commands and returns its value.
    pub fn unset_variable(&mut self, name: &str) -> String {
        self.variables.remove(name).unwrap()
    }

    /// Returns the working directory of the commands.
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    /// Returns the data directory.
    pub fn home(&self) -> Utf8PathBuf {
        self.path().join("home")
    }

    /// Returns the directory of the project.
    pub fn project_dir(&self) -> Utf8PathBuf {
        self.home().join("projects/shop")
    }

    /// Runs a command until it ends.
    pub fn run(&self, arguments: &[&str]) -> CommandResult {
        self.start(arguments).wait()
    }

    /// Runs the commands of the first `count` of [`STAGES`].
    #[track_caller]
    pub fn run_stages(&self, stages: std::ops::Range<usize>) {
        for stage in &STAGES[stages] {
            self.run(stage).ok();
        }
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> RunningCommand {
        let eklavya = eklavya_program();
        let words: Vec<&str> = self
            .wrapper
            .iter()
            .map(String::as_str)
            .chain([eklavya.to_str().unwrap()])
            .chain(arguments.iter().copied())
            .collect();
        let log = tempfile::tempdir().unwrap();
        let into = |name: &str| Stdio::from(File::create(log.path().join(name)).unwrap());
        let mut command = command(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(into("stdout"))
            .stderr(into("stderr"));
        let text = arguments.join(" ");
        RunningCommand::new(command.spawn().unwrap(), text, log, self.path())
    }

    /// Returns the output of git in the project's repository.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let words = self.wrapper.iter().map(String::as_str).chain(["git"]);
        let words: Vec<&str> = words.collect();
        let output = command(words[0])
            .args(&words[1..])
            .arg("-C")
            .arg(self.project_dir().join("repo.git"))
            .args(["-c", "safe.directory=*"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns all references of the project's repository and what they point to.
    pub fn refs(&self) -> String {
        self.git(&["for-each-ref"])
    }

    /// Returns the files of main, with the hash of their content.
    pub fn tree(&self) -> String {
        self.git(&["ls-tree", "-r", "--format=%(objectname) %(path)", "main"])
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests start programs as a user does"
)]
pub fn command(program: &str) -> Command {
    Command::new(program)
}

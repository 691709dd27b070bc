//! Runs the built binary with a data directory for each test: tests read like a shell session.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::eklavya_program;

/// The working directory, data directory and environment of one test.
pub struct TestEnv {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// The exit code and output of a command.
#[derive(Debug)]
pub struct CommandResult {
    /// -1 if a signal ended the command.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl TestEnv {
    /// Returns an environment without a data directory.
    pub fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// Returns an environment with an initialised data directory.
    pub fn new() -> Self {
        let env = Self::empty();
        env.run(&["init", "--yes"]).ok();
        env
    }

    /// Adds a variable to the environment of every command.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the whole environment of every command.
    pub fn variables(&self) -> Vec<(String, String)> {
        let own = [("HOME", self.path()), ("EKLAVYA_HOME", &self.home())];
        let own = own.map(|(name, path)| (name.to_owned(), path.to_string()));
        own.into_iter().chain(self.variables.clone()).collect()
    }

    /// Returns the working directory of the commands.
    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    /// Returns the data directory.
    pub fn home(&self) -> Utf8PathBuf {
        self.path().join("home")
    }

    /// Writes a file below the working directory and returns its path.
    pub fn write_file(&self, name: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs `eklavya` with a clean environment and nothing on stdin.
    pub fn run(&self, arguments: &[&str]) -> CommandResult {
        self.run_with(arguments, "")
    }

    /// Runs `eklavya` with `input` on stdin.
    pub fn run_with(&self, arguments: &[&str], input: impl Into<Vec<u8>>) -> CommandResult {
        let output = assert_cmd::Command::new(eklavya_program())
            .args(arguments)
            .env_clear()
            .envs(self.variables())
            .current_dir(self.path())
            .write_stdin(input)
            .output()
            .unwrap();
        CommandResult {
            code: output.status.code().unwrap_or(-1),
            stdout: self.normalize_output(&output.stdout),
            stderr: self.normalize_output(&output.stderr),
        }
    }

    /// Creates a project from a small brief and returns its slug.
    pub fn create_project(&self, name: &str) -> String {
        self.write_file("brief.md", "# A coffee shop\n\nA page with a menu.\n");
        let arguments = ["project", "new", name, "--brief", "brief.md"];
        let rest = [
            "--client", "Ada", "--budget", "25", "--yes", "--output", "json",
        ];
        let created = self.run(&[&arguments[..], &rest[..]].concat()).ok().json();
        created["slug"].as_str().unwrap().to_owned()
    }

    /// Replaces the temporary directory, which differs in every run, by `[DIR]`.
    fn normalize_output(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replace(self.path().as_str(), "[DIR]")
    }
}

impl CommandResult {
    /// Asserts that the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.assert_exit_code(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn assert_exit_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Returns stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Returns stdout as one JSON document in which every time (`…At`) is the same.
    #[track_caller]
    pub fn timeless_json(&self) -> Value {
        without_times(self.json())
    }

    /// Returns the exit code and the output, for a snapshot.
    pub fn snapshot_text(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

fn without_times(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(without_times).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let moment = name.ends_with("At") && value.is_string();
                let value = if moment {
                    "[time]".into()
                } else {
                    without_times(value)
                };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

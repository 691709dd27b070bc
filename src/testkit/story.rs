//! A story: a project in its own data directory, driven only by commands and rehearsals.

pub mod cache;
pub mod git_http;
pub mod rehearsal;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use eklavya_core::audit::RowContent;
use eklavya_core::clock::SystemClock;
use eklavya_services::{DataStore, projects};
use eklavya_store::{DatabaseLocation, Store, audit};
use serde_json::Value;

use self::rehearsal::RehearsalBuilder;
use crate::cli::{CommandResult, TestEnv};
use crate::program::{claude_program, eklavya_program};

/// The slug of the project of every story.
pub const SLUG: &str = "shop";

/// A project in its own data directory.
pub struct StoryProject {
    pub env: TestEnv,
}

impl StoryProject {
    /// Returns an environment without a data directory, in which `rehearsal` plays and a round has
    /// one demo.
    pub fn empty(rehearsal: &RehearsalBuilder) -> Self {
        let env = TestEnv::empty();
        let file = env.path().join("rehearsal.yaml");
        let env = env
            .with("EKLAVYA_CLAUDE_PATH", claude_program().to_str().unwrap())
            .with("EKLAVYA_MODEL_REHEARSAL", file.as_str())
            // A screenshot of every demo takes longer than most stories; tests/browser tests them.
            .with("EKLAVYA_BROWSER_USE", "off")
            .with("EKLAVYA_DEMO_COUNT", "1");
        let story = Self { env };
        story.set_rehearsal(rehearsal);
        story
    }

    /// Returns a story whose project exists and is not planned.
    pub fn with_new_project(rehearsal: &RehearsalBuilder) -> Self {
        let story = Self::empty(rehearsal);
        story.ok("init --yes");
        story
            .env
            .write_file("brief.md", "# A shop\n\nA page that says hello.\n");
        story.ok("project new Shop --brief brief.md --client Ada --budget 25 --yes");
        story
    }

    /// Returns a story whose plan is approved. The steps to this state run once for all stories.
    pub fn with_approved_plan(plan: &Value, rehearsal: &RehearsalBuilder) -> Self {
        let story = Self::empty(rehearsal);
        cache::restore_project(&story, "planned", plan);
        story
    }

    /// Returns a story whose demo is approved. The steps to this state run once for all stories.
    pub fn with_approved_demo(plan: &Value, rehearsal: &RehearsalBuilder) -> Self {
        let story = Self::empty(rehearsal);
        cache::restore_project(&story, "demo", plan);
        story
    }

    /// Adds a variable to the environment of every command.
    pub fn with_variable(self, name: &str, value: &str) -> Self {
        Self {
            env: self.env.with(name, value),
        }
    }

    /// Plays another rehearsal from the next command on.
    pub fn set_rehearsal(&self, rehearsal: &RehearsalBuilder) {
        self.env.write_file("rehearsal.yaml", rehearsal.text());
    }

    /// Runs a command whose arguments contain no spaces.
    pub fn run(&self, line: &str) -> CommandResult {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a command.
    pub fn run_words(&self, words: &[&str]) -> CommandResult {
        self.env.run(words)
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> CommandResult {
        self.run(line).ok()
    }

    /// Runs a command that must succeed, and returns its JSON output.
    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        self.ok(&format!("{line} --output json")).json()
    }

    /// Returns the status of the project.
    #[track_caller]
    pub fn status(&self) -> String {
        let project = self.json(&format!("project show {SLUG}"));
        project["status"].as_str().unwrap().to_owned()
    }

    /// Returns a task.
    #[track_caller]
    pub fn task(&self, key: &str) -> Value {
        self.json(&format!("tasks show {SLUG} {key}"))
    }

    /// Returns the agents that worked on a task, oldest first.
    #[track_caller]
    pub fn agents(&self, task: &str) -> Vec<Value> {
        let all = self.json(&format!("agents ps {SLUG} --all"));
        let mut own: Vec<Value> = all.as_array().unwrap().clone();
        own.retain(|agent| agent["task"] == task);
        own.sort_by_key(|agent| agent["createdAt"].as_str().unwrap().to_owned());
        own
    }

    /// Returns the input of the agents of an attempt at a task.
    #[track_caller]
    pub fn agent_input(&self, task: &str, attempt: u32) -> String {
        self.transcript_text(task, attempt, "in")
    }

    /// Returns the output of the agents of an attempt at a task, from their logs.
    #[track_caller]
    pub fn agent_output(&self, task: &str, attempt: u32) -> String {
        self.transcript_text(task, attempt, "out")
    }

    fn transcript_text(&self, task: &str, attempt: u32, direction: &str) -> String {
        let lines = self.transcript_lines(task, attempt, direction);
        let text = lines.join("\n");
        text.replace("\\n", "\n")
    }

    /// Returns the results of the tool calls of an attempt at a task, in their order: whether the
    /// result is an error, and its text.
    #[track_caller]
    pub fn tool_results(&self, task: &str, attempt: u32) -> Vec<(bool, String)> {
        let lines = self.transcript_lines(task, attempt, "out");
        lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["type"] == "user")
            .flat_map(|line| {
                line["message"]["content"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter(|block| block["type"] == "tool_result")
            .map(|block| (block["is_error"] == true, block["content"].to_string()))
            .collect()
    }

    /// Returns the input (`in`) or output (`out`) of the CLI of the agents of an attempt at a task.
    fn transcript_lines(&self, task: &str, attempt: u32, direction: &str) -> Vec<String> {
        let agents = self.agents(task);
        let own = agents.iter().filter(|agent| agent["attempt"] == attempt);
        let mut lines = Vec::new();
        for agent in own {
            let log = self.json(&format!("agents logs {}", agent["id"].as_str().unwrap()));
            let records = log.as_array().unwrap().iter();
            let own = records.filter(|record| record["direction"] == direction);
            lines.extend(own.map(|record| record["line"].as_str().unwrap().to_owned()));
        }
        lines
    }

    /// Returns the directory of the project.
    pub fn root(&self) -> PathBuf {
        self.env.home().join("projects").join(SLUG).into()
    }

    /// Runs git on the project's repository, and returns its output.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        git(&self.root().join("repo.git"), words)
    }

    /// Returns the files of a commit.
    #[track_caller]
    pub fn files(&self, revision: &str) -> Vec<String> {
        let listed = self.git(&[
            "-c",
            "core.quotePath=false",
            "ls-tree",
            "-r",
            "--name-only",
            revision,
        ]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Returns the files of a commit with the ids of their contents.
    #[track_caller]
    pub fn tree(&self, revision: &str) -> BTreeMap<String, String> {
        let listed = self.git(&["ls-tree", "-r", revision]);
        let split = |line: &str| {
            line.split_once('\t')
                .map(|(id, path)| (path.to_owned(), id.to_owned()))
        };
        listed.lines().filter_map(split).collect()
    }

    /// Returns a file of a commit.
    #[track_caller]
    pub fn file(&self, revision: &str, path: &str) -> String {
        self.git(&["show", &format!("{revision}:{path}")])
    }

    /// Returns the audit trail, oldest entry first.
    pub fn audit(&self) -> Vec<RowContent> {
        let database = self.env.home().join("eklavya.db");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let location = DatabaseLocation::File(database.into());
            let store = Store::open(&location).await.unwrap();
            let data = DataStore::new(store, std::sync::Arc::new(SystemClock));
            let project = projects::find(&data, SLUG).await.unwrap();
            let mut tx = data.begin_read().await.unwrap();
            let lines = audit::of_project(&mut tx, project.id).await.unwrap();
            lines.into_iter().map(|line| line.content).collect()
        })
    }

    /// Starts a command and does not wait for it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test starts the product as a user does"
    )]
    pub fn start(&self, line: &str) -> StoryCommand {
        let output = |name: &str| {
            let unique = format!("{name}-{}", uuid::Uuid::new_v4());
            self.env.path().join(unique).into_std_path_buf()
        };
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let child = std::process::Command::new(eklavya_program())
            .args(line.split_whitespace())
            .env_clear()
            .envs(self.env.variables())
            .current_dir(self.env.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        StoryCommand {
            child,
            stdout,
            stderr,
        }
    }
}

/// A running command, which is killed on drop.
pub struct StoryCommand {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl StoryCommand {
    /// Waits until the command ends, and returns its result.
    pub fn wait(mut self) -> CommandResult {
        let status = self.child.wait().unwrap();
        CommandResult {
            code: status.code().unwrap_or(-1),
            stdout: std::fs::read_to_string(&self.stdout).unwrap(),
            stderr: std::fs::read_to_string(&self.stderr).unwrap(),
        }
    }
}

impl Drop for StoryCommand {
    fn drop(&mut self) {
        // The command has ended if the test waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs git in `directory`, and returns its output.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at a repository as a user does"
)]
#[track_caller]
pub fn git(directory: &Path, words: &[&str]) -> String {
    let done = std::process::Command::new("git")
        .args(words)
        .current_dir(directory)
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {words:?}: {stderr}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

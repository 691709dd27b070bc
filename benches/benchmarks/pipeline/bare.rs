//! The reference: only the sessions and test commands of the pipeline, each as soon as its
//! dependencies are done.

use std::path::{Path, PathBuf};
use std::time::Instant;

use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::agent::role::Role;
use eklavya_core::process::{self, ProcessLimits};

use super::StageTimes;
use super::model_endpoint::ModelEndpoint;
use super::scripted_conversations::{ScriptedConversations, TEST_COMMAND};
use super::session::CliSession;
use crate::options::BenchOptions;
use crate::{BenchError, SEARCH_PATH};

/// The brief of the project.
pub const BRIEF: &str = "# A coffee shop\n\nA page, a menu, the opening hours.\n";

/// Runs all stages and returns how long each took.
pub async fn run(
    options: &BenchOptions,
    cli: &ClaudeCli,
    conversations: &ScriptedConversations,
) -> Result<StageTimes, BenchError> {
    let place = crate::create_directory(options)?;
    let bare = BarePipeline {
        model: ModelEndpoint::start().await?,
        program: cli.program.clone(),
        directory: place.path(),
        conversations,
    };
    bare.create_repositories().await?;
    let start = Instant::now();
    let plan = bare.plan().await?;
    let demos = bare.demos().await?;
    let build = bare.build().await?;
    let verify = bare.verify().await?;
    let whole = start.elapsed();
    Ok(StageTimes {
        plan,
        demos,
        build,
        verify,
        whole,
        ..StageTimes::default()
    })
}

type StageDuration = Result<std::time::Duration, BenchError>;

struct BarePipeline<'a> {
    model: ModelEndpoint,
    program: PathBuf,
    directory: &'a Path,
    conversations: &'a ScriptedConversations,
}

impl BarePipeline<'_> {
    /// Creates one repository for each demo before the measurement starts. Planning and the work
    /// after the demos use the second repository.
    async fn create_repositories(&self) -> Result<(), BenchError> {
        for demo in 1..=3 {
            let clone = self.clone_of(demo);
            std::fs::create_dir_all(clone.join("docs"))?;
            std::fs::write(clone.join("docs/brief.md"), BRIEF)?;
            run_shell(
                "git init -q && git config user.name Bench && git config user.email bench@invalid",
                &clone,
            )
            .await?;
        }
        Ok(())
    }

    async fn plan(&self) -> StageDuration {
        let start = Instant::now();
        self.run_session(Role::Pm, "requirements", 2).await?;
        self.run_session(Role::Architect, "architecture", 2).await?;
        Ok(start.elapsed())
    }

    async fn demos(&self) -> StageDuration {
        let start = Instant::now();
        tokio::try_join!(
            self.run_session(Role::Developer, "demo-1", 1),
            self.run_session(Role::Developer, "demo-2", 2),
            self.run_session(Role::Developer, "demo-3", 3),
        )?;
        Ok(start.elapsed())
    }

    async fn build(&self) -> StageDuration {
        let start = Instant::now();
        tokio::try_join!(
            self.run_task(Role::Developer, "T1"),
            self.run_task(Role::Tester, "T2")
        )?;
        self.run_task(Role::Developer, "T3").await?;
        Ok(start.elapsed())
    }

    async fn verify(&self) -> StageDuration {
        let start = Instant::now();
        tokio::try_join!(
            self.run_session(Role::Qa, "qa", 2),
            self.run_session(Role::Uat, "uat", 2)
        )?;
        Ok(start.elapsed())
    }

    /// Runs a session, and then the test command.
    async fn run_task(&self, role: Role, task: &str) -> Result<(), BenchError> {
        self.run_session(role, task, 2).await?;
        run_shell(TEST_COMMAND, &self.clone_of(2)).await
    }

    async fn run_session(&self, role: Role, task: &str, demo: u32) -> Result<(), BenchError> {
        let clone = self.clone_of(demo);
        let answers = self.conversations.answers(role, task, &clone)?;
        let session = CliSession {
            program: self.program.clone(),
            role,
            url: self.model.add_session(task, answers),
            own: self.directory.join(task),
            clone,
        };
        session.run().await
    }

    fn clone_of(&self, demo: u32) -> PathBuf {
        self.directory.join(format!("clone-{demo}"))
    }
}

async fn run_shell(line: &str, directory: &Path) -> Result<(), BenchError> {
    let mut command = process::new_command("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(directory)
        .env("PATH", SEARCH_PATH)
        .env("HOME", directory);
    let limits = ProcessLimits {
        timeout: std::time::Duration::from_mins(1),
        output_bytes: 4096,
    };
    let finished = process::run(command, b"", limits).await?;
    if finished.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&finished.stderr);
    Err(format!("`{line}` ended with {}: {text}", finished.status).into())
}

//! The reference: the sessions and test commands of the pipeline and nothing else, each as soon as
//! what it depends on is there.

use std::path::{Path, PathBuf};
use std::time::Instant;

use eklavya_claude::locate::ClaudeCli;
use eklavya_core::domain::role::Role;
use eklavya_core::process::{self, Limits};

use super::Stages;
use super::conversations::{Conversations, TEST_COMMAND};
use super::model::Model;
use super::session::Session;
use crate::options::Options;
use crate::{Fault, SEARCH_PATH};

/// What the project is about.
pub const BRIEF: &str = "# A coffee shop\n\nA page, a menu, the opening hours.\n";

/// Runs it all and returns how long each stage took.
pub async fn run(
    options: &Options,
    cli: &ClaudeCli,
    conversations: &Conversations,
) -> Result<Stages, Fault> {
    let place = crate::directory(options)?;
    let bare = Bare {
        model: Model::start().await?,
        program: cli.program.clone(),
        place: place.path(),
        conversations,
    };
    bare.lay_out().await?;
    let start = Instant::now();
    let plan = bare.plan().await?;
    let demos = bare.demos().await?;
    let build = bare.build().await?;
    let verify = bare.verify().await?;
    let whole = start.elapsed();
    Ok(Stages {
        plan,
        demos,
        build,
        verify,
        whole,
        ..Stages::default()
    })
}

type Took = Result<std::time::Duration, Fault>;

struct Bare<'a> {
    model: Model,
    program: PathBuf,
    place: &'a Path,
    conversations: &'a Conversations,
}

impl Bare<'_> {
    /// Makes one repository for each demo, before the clock runs; the work after the demos goes on
    /// in the second, and planning is done there, too.
    async fn lay_out(&self) -> Result<(), Fault> {
        for demo in 1..=3 {
            let clone = self.clone_of(demo);
            std::fs::create_dir_all(clone.join("docs"))?;
            std::fs::write(clone.join("docs/brief.md"), BRIEF)?;
            shell(
                "git init -q && git config user.name Bench && git config user.email bench@invalid",
                &clone,
            )
            .await?;
        }
        Ok(())
    }

    async fn plan(&self) -> Took {
        let start = Instant::now();
        self.session(Role::Pm, "requirements", 2).await?;
        self.session(Role::Architect, "architecture", 2).await?;
        Ok(start.elapsed())
    }

    async fn demos(&self) -> Took {
        let start = Instant::now();
        tokio::try_join!(
            self.session(Role::Developer, "demo-1", 1),
            self.session(Role::Developer, "demo-2", 2),
            self.session(Role::Developer, "demo-3", 3),
        )?;
        Ok(start.elapsed())
    }

    async fn build(&self) -> Took {
        let start = Instant::now();
        tokio::try_join!(
            self.task(Role::Developer, "T1"),
            self.task(Role::Tester, "T2")
        )?;
        self.task(Role::Developer, "T3").await?;
        Ok(start.elapsed())
    }

    async fn verify(&self) -> Took {
        let start = Instant::now();
        tokio::try_join!(
            self.session(Role::Qa, "qa", 2),
            self.session(Role::Uat, "uat", 2)
        )?;
        Ok(start.elapsed())
    }

    /// A session, and the tests of what it wrote.
    async fn task(&self, role: Role, task: &str) -> Result<(), Fault> {
        self.session(role, task, 2).await?;
        shell(TEST_COMMAND, &self.clone_of(2)).await
    }

    async fn session(&self, role: Role, task: &str, demo: u32) -> Result<(), Fault> {
        let clone = self.clone_of(demo);
        let answers = self.conversations.answers(role, task, &clone)?;
        let session = Session {
            program: self.program.clone(),
            role,
            url: self.model.play(task, answers),
            own: self.place.join(task),
            clone,
        };
        session.run().await
    }

    fn clone_of(&self, demo: u32) -> PathBuf {
        self.place.join(format!("clone-{demo}"))
    }
}

async fn shell(line: &str, directory: &Path) -> Result<(), Fault> {
    let mut command = process::command("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(directory)
        .env("PATH", SEARCH_PATH)
        .env("HOME", directory);
    let limits = Limits {
        timeout: std::time::Duration::from_mins(1),
        output_bytes: 4096,
    };
    let finished = process::run(command, b"", limits).await?;
    if finished.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&finished.stderr);
    Err(format!("`{line}` ended with {}: {said}", finished.status).into())
}

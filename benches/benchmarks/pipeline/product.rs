//! The product: the commands that an admin types.

use std::path::Path;
use std::time::{Duration, Instant};

use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::process::{self, ProcessLimits};

use super::StageTimes;
use super::scripted_conversations::ScriptedConversations;
use crate::options::BenchOptions;
use crate::{BenchError, SEARCH_PATH};

const LIMITS: ProcessLimits = ProcessLimits {
    timeout: Duration::from_mins(10),
    output_bytes: 64 * 1024,
};

/// Runs a new project from the plan to the delivery and returns how long each stage took.
pub async fn run(
    options: &BenchOptions,
    cli: &ClaudeCli,
    conversations: &ScriptedConversations,
) -> Result<StageTimes, BenchError> {
    let place = crate::create_directory(options)?;
    let admin = AdminCommands {
        eklavya: &options.eklavya,
        claude: &cli.program,
        directory: place.path(),
    };
    let (brief, rehearsal) = (
        place.path().join("brief.md"),
        place.path().join("rehearsal.yaml"),
    );
    std::fs::write(&brief, super::bare::BRIEF)?;
    conversations.write(&rehearsal)?;
    let (brief, rehearsal) = (brief.to_string_lossy(), rehearsal.to_string_lossy());
    admin.run_command("init --yes").await?;
    admin
        .run_command(&format!(
            "project new bench --brief {brief} --client Ada --budget 25 --yes --rehearsal {rehearsal}"
        ))
        .await?;
    let stages = admin.run_stages().await?;
    let shown = admin
        .run_command("project show bench --output json")
        .await?;
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    if shown["status"] != "delivered" {
        return Err(format!("the project was not delivered: {shown}").into());
    }
    Ok(stages)
}

/// The admin who runs the commands.
struct AdminCommands<'a> {
    eklavya: &'a Path,
    claude: &'a Path,
    directory: &'a Path,
}

impl AdminCommands<'_> {
    async fn run_stages(&self) -> Result<StageTimes, BenchError> {
        let start = Instant::now();
        let plan = self
            .time_commands(&["plan bench", "plan approve bench --yes"])
            .await?;
        let demos = self
            .time_commands(&["demo build bench", "demo approve bench 2 --yes"])
            .await?;
        let build = self.time_commands(&["build bench"]).await?;
        let verify = self.time_commands(&["verify bench"]).await?;
        let deliver = self.time_commands(&["deliver bench"]).await?;
        let whole = start.elapsed();
        Ok(StageTimes {
            plan,
            demos,
            build,
            verify,
            deliver,
            whole,
        })
    }

    async fn time_commands(&self, lines: &[&str]) -> Result<Duration, BenchError> {
        let start = Instant::now();
        for line in lines {
            self.run_command(line).await?;
        }
        Ok(start.elapsed())
    }

    async fn run_command(&self, line: &str) -> Result<String, BenchError> {
        let mut command = process::new_command(self.eklavya);
        command
            .args(line.split(' '))
            .current_dir(self.directory)
            .env("PATH", SEARCH_PATH)
            .env("HOME", self.directory)
            .env("EKLAVYA_HOME", self.directory.join("home"))
            .env("EKLAVYA_CLAUDE_PATH", self.claude)
            // Bare sessions take no screenshots.
            .env("EKLAVYA_BROWSER_USE", "off");
        let finished = process::run(command, b"", LIMITS).await?;
        if !finished.status.success() {
            let text = String::from_utf8_lossy(&finished.stderr);
            return Err(format!("`eklavya {line}` ended with {}: {text}", finished.status).into());
        }
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}

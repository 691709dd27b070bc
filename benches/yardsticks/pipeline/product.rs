//! The product: the commands that an admin types.

use std::path::Path;
use std::time::{Duration, Instant};

use eklavya_claude::locate::ClaudeCli;
use eklavya_core::process::{self, Limits};

use super::Stages;
use super::conversations::Conversations;
use crate::options::Options;
use crate::{Fault, SEARCH_PATH};

const LIMITS: Limits = Limits {
    timeout: Duration::from_mins(10),
    output_bytes: 64 * 1024,
};

/// Takes a new project from its plan to its delivery and returns how long each stage took.
pub async fn run(
    options: &Options,
    cli: &ClaudeCli,
    conversations: &Conversations,
) -> Result<Stages, Fault> {
    let place = crate::directory(options)?;
    let admin = Admin {
        eklavya: &options.eklavya,
        claude: &cli.program,
        place: place.path(),
    };
    let (brief, rehearsal) = (
        place.path().join("brief.md"),
        place.path().join("rehearsal.yaml"),
    );
    std::fs::write(&brief, super::bare::BRIEF)?;
    conversations.write(&rehearsal)?;
    let (brief, rehearsal) = (brief.to_string_lossy(), rehearsal.to_string_lossy());
    admin.does("init --yes").await?;
    admin
        .does(&format!(
            "project new bench --brief {brief} --client Ada --budget 25 --yes --rehearsal {rehearsal}"
        ))
        .await?;
    let stages = admin.takes_through().await?;
    let shown = admin.does("project show bench --output json").await?;
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    if shown["status"] != "delivered" {
        return Err(format!("the project was not delivered: {shown}").into());
    }
    Ok(stages)
}

/// Who types the commands.
struct Admin<'a> {
    eklavya: &'a Path,
    claude: &'a Path,
    place: &'a Path,
}

impl Admin<'_> {
    async fn takes_through(&self) -> Result<Stages, Fault> {
        let start = Instant::now();
        let plan = self
            .times(&["plan bench", "plan approve bench --yes"])
            .await?;
        let demos = self
            .times(&["demo build bench", "demo approve bench 2 --yes"])
            .await?;
        let build = self.times(&["build bench"]).await?;
        let verify = self.times(&["verify bench"]).await?;
        let deliver = self.times(&["deliver bench"]).await?;
        let whole = start.elapsed();
        Ok(Stages {
            plan,
            demos,
            build,
            verify,
            deliver,
            whole,
        })
    }

    async fn times(&self, lines: &[&str]) -> Result<Duration, Fault> {
        let start = Instant::now();
        for line in lines {
            self.does(line).await?;
        }
        Ok(start.elapsed())
    }

    async fn does(&self, line: &str) -> Result<String, Fault> {
        let mut command = process::command(self.eklavya);
        command
            .args(line.split(' '))
            .current_dir(self.place)
            .env("PATH", SEARCH_PATH)
            .env("HOME", self.place)
            .env("EKLAVYA_HOME", self.place.join("home"))
            .env("EKLAVYA_CLAUDE_PATH", self.claude)
            // Bare sessions picture nothing.
            .env("EKLAVYA_BROWSER_USE", "off");
        let finished = process::run(command, b"", LIMITS).await?;
        if !finished.status.success() {
            let said = String::from_utf8_lossy(&finished.stderr);
            return Err(format!("`eklavya {line}` ended with {}: {said}", finished.status).into());
        }
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}

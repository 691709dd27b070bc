//! Measures Eklavya against named references, side by side in one run: `docs/benchmarks.md`.

mod claims;
mod comparison;
mod events;
mod gateway;
mod latency;
mod machine;
mod options;
mod pipeline;
mod read_command;
mod report;
mod samples;
mod sandbox;
mod takeover;

#[path = "../../tests/support/agents.rs"]
mod agents;
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a server that does not start fails as in tests"
)]
#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::path::PathBuf;

use clap::Parser;
use eklavya_claude::locate::{self, ClaudeCli};
use eklavya_config::Environment;
use tokio::task::block_in_place;

use crate::machine::Machine;
use crate::options::{Options, Yardstick};
use crate::report::Report;

/// Why nothing could be measured.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Where programs are looked for, on both sides alike.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let options = Options::parse();
    let report = Report::new(options.output);
    let runs_agents = [Yardstick::Pipeline, Yardstick::Sandbox, Yardstick::Takeover];
    let cli = if runs_agents.into_iter().any(|it| options.wants(it)) {
        Some(claude().await?)
    } else {
        None
    };
    let version = cli.as_ref().map(|cli| cli.version.to_string());
    report.machine(&Machine::look(&options.eklavya, version).await?)?;
    if options.wants(Yardstick::Read) {
        let found = read_command::measure(&options).await?;
        report.findings("`eklavya project list` against `git status`", &[found])?;
    }
    if options.wants(Yardstick::Events) {
        let found = block_in_place(|| events::measure(&options))?;
        let title = "events written and delivered against rows inserted, 4,000 transactions";
        report.findings(title, &found)?;
        let found = block_in_place(events::measure_latency)?;
        report.latency("from the commit to a follower elsewhere", &found)?;
    }
    if options.wants(Yardstick::Gateway) {
        let found = gateway::measure(&options).await?;
        let title = "a request through an agent's door against the same sent straight";
        report.findings(title, &[found])?;
    }
    if let (Some(cli), true) = (&cli, options.wants(Yardstick::Sandbox)) {
        let found = sandbox::measure(&options, cli).await?;
        report.findings(
            "a session in a sandbox against the same session bare",
            &found,
        )?;
    }
    if options.wants(Yardstick::Claims) {
        let found = block_in_place(|| claims::measure(&options))?;
        let title = "jobs taken by 8 workers against bare updates with SKIP LOCKED";
        report.findings(title, &found)?;
    }
    if let Some(cli) = cli.as_ref().filter(|_| options.wants(Yardstick::Takeover)) {
        for found in block_in_place(|| takeover::measure(&options, cli))? {
            let title = "from the end of a killed worker to the job's start elsewhere";
            report.latency(title, &found)?;
        }
    }
    if let Some(cli) = cli.filter(|_| options.wants(Yardstick::Pipeline)) {
        let found = pipeline::measure(&options, &cli).await?;
        report.findings(
            "from plan to delivery against its sessions and tests run bare",
            &found,
        )?;
    }
    Ok(())
}

/// Finds the CLI as `eklavya` does.
async fn claude() -> Result<ClaudeCli, Fault> {
    let environment = Environment::of_this_process();
    let configured = environment.get("EKLAVYA_CLAUDE_PATH")?.map(PathBuf::from);
    let path = environment.get("PATH")?.unwrap_or(SEARCH_PATH);
    let places: Vec<PathBuf> = std::env::split_paths(path).collect();
    Ok(locate::locate(configured.as_deref(), &places).await?)
}

/// Returns a new directory below the one that the options name.
fn directory(options: &Options) -> Result<tempfile::TempDir, Fault> {
    let mut builder = tempfile::Builder::new();
    // Agents become another user, who must be able to come through here.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    builder.prefix("eklavya-bench-").permissions(open);
    Ok(match &options.directory {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    })
}

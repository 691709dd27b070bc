//! Measures Eklavya against named references, side by side in one run: `docs/benchmarks.md`.

mod claims;
mod events;
mod gateway;
mod options;
mod pipeline;
mod read_command;
mod results;
mod sandbox;
mod takeover;

use std::path::PathBuf;

use clap::Parser;
use eklavya_claude::cli::locate::{self, ClaudeCli};
use eklavya_config::ProcessEnvironment;
use eklavya_core::process::SEARCH_PATH;
use tokio::task::block_in_place;

use crate::options::{BenchOptions, BenchmarkKind};
use crate::results::machine::MachineInfo;
use crate::results::report::ReportWriter;

/// An error that ends the measurements.
type BenchError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BenchError> {
    let options = BenchOptions::parse();
    let report = ReportWriter::new(options.output);
    let runs_agents = [
        BenchmarkKind::Pipeline,
        BenchmarkKind::Sandbox,
        BenchmarkKind::Takeover,
    ];
    let cli = if runs_agents.into_iter().any(|it| options.includes(it)) {
        Some(locate_claude().await?)
    } else {
        None
    };
    let version = cli.as_ref().map(|cli| cli.version.to_string());
    report.write_machine(&MachineInfo::inspect(&options.eklavya, version).await?)?;
    if options.includes(BenchmarkKind::Read) {
        let found = read_command::measure(&options).await?;
        let title = "`eklavya project list` and other lists against `git status`";
        report.write_comparisons(title, &found)?;
    }
    if options.includes(BenchmarkKind::Events) {
        let found = block_in_place(|| events::measure(&options))?;
        let title = "events written and delivered against rows inserted, 4,000 transactions";
        report.write_comparisons(title, &found)?;
        let found = block_in_place(events::measure_latency)?;
        report.write_latency("from the commit to a follower elsewhere", &found)?;
    }
    if options.includes(BenchmarkKind::Gateway) {
        let found = gateway::measure(&options).await?;
        let title = "a request through an agent's door against the same sent straight";
        report.write_comparisons(title, &[found])?;
    }
    if let (Some(cli), true) = (&cli, options.includes(BenchmarkKind::Sandbox)) {
        let found = sandbox::measure(&options, cli).await?;
        report.write_comparisons(
            "a session in a sandbox against the same session bare",
            &found,
        )?;
    }
    if options.includes(BenchmarkKind::Claims) {
        let found = block_in_place(|| claims::measure(&options))?;
        let title = "jobs taken by 8 workers against bare updates with SKIP LOCKED";
        report.write_comparisons(title, &found)?;
    }
    if let Some(cli) = cli
        .as_ref()
        .filter(|_| options.includes(BenchmarkKind::Takeover))
    {
        for found in block_in_place(|| takeover::measure(&options, cli))? {
            let title = "from the end of a killed worker to the job's start elsewhere";
            report.write_latency(title, &found)?;
        }
    }
    if let Some(cli) = cli.filter(|_| options.includes(BenchmarkKind::Pipeline)) {
        let found = pipeline::measure(&options, &cli).await?;
        report.write_comparisons(
            "from plan to delivery against its sessions and tests run bare",
            &found,
        )?;
    }
    Ok(())
}

/// Finds the CLI as `eklavya` does.
async fn locate_claude() -> Result<ClaudeCli, BenchError> {
    let environment = ProcessEnvironment::current();
    let configured = environment.get("EKLAVYA_CLAUDE_PATH")?.map(PathBuf::from);
    let path = environment.get("PATH")?.unwrap_or(SEARCH_PATH);
    let places: Vec<PathBuf> = std::env::split_paths(path).collect();
    Ok(locate::locate_cli(configured.as_deref(), &places).await?)
}

/// Creates a directory below the directory that the options set.
fn create_directory(options: &BenchOptions) -> Result<tempfile::TempDir, BenchError> {
    let mut builder = tempfile::Builder::new();
    // Agents of root run as another user, who must be able to pass through this directory.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    builder.prefix("eklavya-bench-").permissions(open);
    Ok(match &options.directory {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    })
}

//! The options of the benchmarks.

use std::path::PathBuf;

use clap::ValueEnum;

/// Measures Eklavya against named references, side by side in one run.
///
/// Goals are reported as met or missed; neither changes the exit code.
#[derive(Debug, clap::Parser)]
#[command(name = "bench")]
pub struct BenchOptions {
    /// Run only this benchmark
    #[arg(long, value_enum)]
    pub only: Option<BenchmarkKind>,

    /// Format of the results
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,

    /// Rounds of each benchmark except `read`
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// Thinking time of the scripted model before each answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    pub delay: f64,

    /// Rounds of the read command and its reference
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub reads: u32,

    /// Number of projects that the read command lists
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub projects: u32,

    /// Program to measure (default: the `eklavya` that was built with this harness)
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_eklavya"))]
    pub eklavya: PathBuf,

    /// Directory for data directories (default: the system's directory for temporary files)
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Socket of a Docker engine with the images of agents; also measures a session in a container
    #[arg(long, value_name = "SOCKET")]
    pub docker: Option<PathBuf>,

    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchmarkKind {
    /// The whole pipeline against its sessions and tests run bare.
    Pipeline,
    /// `eklavya project list` against `git status`.
    Read,
    /// The event log against bare inserts, and the latency of events.
    Events,
    /// A request through an agent's door against the same request sent directly.
    Gateway,
    /// A session of the CLI in a sandbox against the same session bare.
    Sandbox,
    /// Eight workers that claim jobs against bare updates with SKIP LOCKED.
    Claims,
    /// The time in which another worker takes over the job of a killed worker.
    Takeover,
}

/// The format of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table for people.
    Table,
    /// One JSON object per line.
    Jsonl,
}

impl BenchOptions {
    /// Returns whether the options select `benchmark`.
    pub fn includes(&self, benchmark: BenchmarkKind) -> bool {
        self.only.is_none_or(|only| only == benchmark)
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=600.0).contains(&value) => Ok(value),
        _ => Err("between 0 and 600 seconds".to_owned()),
    }
}

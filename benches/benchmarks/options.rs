//! What is measured, and how often.

use std::path::PathBuf;

use clap::ValueEnum;

/// Measures Eklavya against named references, side by side in one run.
///
/// Goals are reported as met or missed; neither changes the exit code.
#[derive(Debug, clap::Parser)]
#[command(name = "bench")]
pub struct BenchOptions {
    /// Measure only this
    #[arg(long, value_enum)]
    pub only: Option<BenchmarkKind>,

    /// How the results are written
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub output: ReportFormat,

    /// How often the pipeline, the session in a sandbox, the writing of events or the taking of
    /// jobs, and its reference run; how often a worker is killed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// How long the scripted model thinks before each answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    pub delay: f64,

    /// How often the read command and its reference run
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub reads: u32,

    /// How many projects the read command lists
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub projects: u32,

    /// The program to measure, instead of the one built with this harness
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_eklavya"))]
    pub eklavya: PathBuf,

    /// Where data directories are made, instead of the system's directory for temporary files
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Socket of a Docker engine that has the images of agents: a session in a container is
    /// measured, too
    #[arg(long, value_name = "SOCKET")]
    pub docker: Option<PathBuf>,

    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchmarkKind {
    /// The whole pipeline against its sessions and tests run bare.
    Pipeline,
    /// `eklavya project list` against `git status`.
    Read,
    /// The event log against bare inserts, and how soon events are delivered.
    Events,
    /// A request through an agent's door against the same request sent straight.
    Gateway,
    /// A session of the CLI in a sandbox against the same session bare.
    Sandbox,
    /// Eight workers that take jobs against bare updates with SKIP LOCKED.
    Claims,
    /// How soon a killed worker's job is another's.
    Takeover,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For reading.
    Table,
    /// One JSON object in each line.
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

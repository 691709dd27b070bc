//! The machine of the measurements.

use std::path::Path;

use eklavya_core::process::{self, ProcessLimits};
use serde::Serialize;

use crate::BenchError;

/// The machine and the programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineInfo {
    /// The processor's model.
    pub processor: String,
    /// The number of hardware threads.
    pub threads: usize,
    /// Memory in mebibytes.
    pub memory_mib: u64,
    /// The kernel.
    pub kernel: String,
    /// The load average of the last minute, before the measurements. If it is above zero, other
    /// programs disturb them.
    pub load_before: f64,
    /// The version of Eklavya.
    pub eklavya: String,
    /// Whether this harness and the program that was built with it are optimised.
    pub optimised: bool,
    /// The version of git.
    pub git: String,
    /// The version of bubblewrap.
    pub bubblewrap: String,
    /// The version of the Claude Code CLI, if it is used.
    pub claude: Option<String>,
}

impl MachineInfo {
    /// Reads the properties of this machine.
    pub async fn inspect(eklavya: &Path, claude: Option<String>) -> Result<Self, BenchError> {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        Ok(Self {
            processor: value_of(&read("/proc/cpuinfo"), "model name"),
            threads: std::thread::available_parallelism()?.get(),
            memory_mib: kibibytes(&value_of(&read("/proc/meminfo"), "MemTotal")) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: first_number(&read("/proc/loadavg")),
            eklavya: version(eklavya).await?,
            optimised: !cfg!(debug_assertions),
            git: version(Path::new("git")).await?,
            bubblewrap: version(Path::new("bwrap")).await?,
            claude,
        })
    }
}

fn value_of(text: &str, key: &str) -> String {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)
        .map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
}

fn kibibytes(text: &str) -> u64 {
    let number = text.split_whitespace().next().unwrap_or_default();
    number.parse().unwrap_or_default()
}

fn first_number(text: &str) -> f64 {
    let number = text.split_whitespace().next().unwrap_or_default();
    number.parse().unwrap_or_default()
}

/// Returns the last word of a program's version output.
async fn version(program: &Path) -> Result<String, BenchError> {
    let mut command = process::new_command(program);
    command.arg("--version").env("PATH", crate::SEARCH_PATH);
    let limits = ProcessLimits {
        timeout: std::time::Duration::from_secs(20),
        output_bytes: 4096,
    };
    let finished = process::run(command, b"", limits).await?;
    let output = String::from_utf8_lossy(&finished.stdout).into_owned();
    let last = output.split_whitespace().last().unwrap_or("unknown");
    Ok(last.to_owned())
}

//! The report: a table, or JSON lines.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::BenchError;
use crate::options::ReportFormat;
use crate::results::comparison::{ComparisonResult, TimingComparison};
use crate::results::latency::LatencySummary;
use crate::results::machine::MachineInfo;

/// Writes results to stdout and progress to stderr.
#[derive(Debug, Clone, Copy)]
pub struct ReportWriter(ReportFormat);

impl ReportWriter {
    /// Returns a report in this form.
    pub fn new(format: ReportFormat) -> Self {
        Self(format)
    }

    /// Prints the progress to stderr.
    pub fn print_progress(text: &str) {
        // If stderr is closed, progress is dropped.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes the properties of the machine.
    pub fn write_machine(self, machine: &MachineInfo) -> Result<(), BenchError> {
        if self.0 == ReportFormat::Jsonl {
            return write_json_line(machine);
        }
        let MachineInfo {
            processor,
            threads,
            memory_mib,
            kernel,
            load_before,
            ..
        } = machine;
        let claude = machine.claude.as_deref().unwrap_or("not used");
        let build = if machine.optimised {
            "optimised"
        } else {
            "NOT OPTIMISED"
        };
        print(&format!(
            "{processor}, {threads} threads, {memory_mib} MiB, Linux {kernel}, load before {load_before}\n\
             eklavya {} ({build}), Claude Code {claude}, git {}, bubblewrap {}\n",
            machine.eklavya, machine.git, machine.bubblewrap
        ))
    }

    /// Writes the results of a benchmark: the whole and its parts.
    pub fn write_comparisons(
        self,
        title: &str,
        comparisons: &[TimingComparison],
    ) -> Result<(), BenchError> {
        let findings: Vec<ComparisonResult<'_>> =
            comparisons.iter().map(TimingComparison::result).collect();
        if self.0 == ReportFormat::Jsonl {
            return findings.iter().try_for_each(write_json_line);
        }
        let verdicts: String = findings.iter().filter_map(goal_verdict).collect();
        print(&format!(
            "\n{title}\n{}\n{verdicts}",
            comparison_table(&findings)
        ))
    }

    /// Writes latencies.
    pub fn write_latency(self, title: &str, latency: &LatencySummary) -> Result<(), BenchError> {
        if self.0 == ReportFormat::Jsonl {
            return write_json_line(latency);
        }
        let LatencySummary {
            part,
            count,
            p50_seconds,
            p99_seconds,
            max_seconds,
            goal_p50_seconds,
            goal_p99_seconds,
            met,
            ..
        } = latency;
        let [p50, p99, max, goal_p50, goal_p99] = [
            p50_seconds,
            p99_seconds,
            max_seconds,
            goal_p50_seconds,
            goal_p99_seconds,
        ]
        .map(|seconds| format_duration(*seconds));
        let met = if *met { "met" } else { "missed" };
        print(&format!(
            "\n{title}\n{part}, {count} times: p50 {p50}, p99 {p99}, longest {max}\n\
             goal: p50 below {goal_p50}, p99 below {goal_p99}: {met}\n"
        ))
    }
}

fn comparison_table(findings: &[ComparisonResult<'_>]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "",
        "eklavya",
        "min",
        "p90",
        "max",
        "reference",
        "min",
        "p90",
        "max",
        "ratio",
        "of minima",
        "overhead",
    ]);
    for finding in findings {
        let mut row = vec![finding.part.unwrap_or("whole").to_owned()];
        for side in [finding.eklavya, finding.reference] {
            row.extend([side.median, side.min, side.p90, side.max].map(format_duration));
        }
        for ratio in [finding.ratio, finding.ratio_of_minima] {
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")));
        }
        row.push(format_duration(finding.overhead_seconds));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn goal_verdict(finding: &ComparisonResult<'_>) -> Option<String> {
    let goal = finding.goal?;
    let met = if finding.met? { "met" } else { "missed" };
    let ratio = goal.ratio;
    let times = ratio.map(|most| format!("at most {most} times the reference"));
    let within = goal
        .seconds
        .map(|most| format!("within {}", format_duration(most)));
    let added = goal.added;
    let added =
        added.map(|most| format!("at most {} more than the reference", format_duration(most)));
    let all: Vec<String> = times.into_iter().chain(within).chain(added).collect();
    let part = finding.part.map(|part| format!(" of {part}"));
    let part = part.unwrap_or_default();
    Some(format!("goal{part}: {}: {met}\n", all.join(", ")))
}

fn format_duration(seconds: f64) -> String {
    if seconds.abs() < 0.1 {
        format!("{:.2} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}

fn write_json_line(value: &impl Serialize) -> Result<(), BenchError> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

fn print(text: &str) -> Result<(), BenchError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

//! What is written: a table for reading, or JSON lines.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::Fault;
use crate::comparison::{Comparison, Finding};
use crate::latency::Latency;
use crate::machine::Machine;
use crate::options::Format;

/// Writes results to stdout; how far it is goes to stderr.
#[derive(Debug, Clone, Copy)]
pub struct Report(Format);

impl Report {
    /// Returns a report in this form.
    pub fn new(format: Format) -> Self {
        Self(format)
    }

    /// Says how far it is.
    pub fn progress(text: &str) {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes what was measured on.
    pub fn machine(self, machine: &Machine) -> Result<(), Fault> {
        if self.0 == Format::Jsonl {
            return line(machine);
        }
        let Machine {
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

    /// Writes what came of a yardstick: the whole and its parts.
    pub fn findings(self, title: &str, comparisons: &[Comparison]) -> Result<(), Fault> {
        let findings: Vec<Finding<'_>> = comparisons.iter().map(Comparison::finding).collect();
        if self.0 == Format::Jsonl {
            return findings.iter().try_for_each(line);
        }
        let verdicts: String = findings.iter().filter_map(verdict).collect();
        print(&format!("\n{title}\n{}\n{verdicts}", table(&findings)))
    }

    /// Writes how soon something follows.
    pub fn latency(self, title: &str, latency: &Latency) -> Result<(), Fault> {
        if self.0 == Format::Jsonl {
            return line(latency);
        }
        let Latency {
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
        .map(|seconds| duration(*seconds));
        let met = if *met { "met" } else { "missed" };
        print(&format!(
            "\n{title}\n{part}, {count} times: p50 {p50}, p99 {p99}, longest {max}\n\
             goal: p50 below {goal_p50}, p99 below {goal_p99}: {met}\n"
        ))
    }
}

fn table(findings: &[Finding<'_>]) -> Table {
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
            row.extend([side.median, side.min, side.p90, side.max].map(duration));
        }
        for ratio in [finding.ratio, finding.ratio_of_minima] {
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")));
        }
        row.push(duration(finding.overhead_seconds));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn verdict(finding: &Finding<'_>) -> Option<String> {
    let goal = finding.goal?;
    let met = if finding.met? { "met" } else { "missed" };
    let ratio = goal.ratio;
    let times = ratio.map(|most| format!("at most {most} times the reference"));
    let within = goal
        .seconds
        .map(|most| format!("within {}", duration(most)));
    let added = goal.added;
    let added = added.map(|most| format!("at most {} more than the reference", duration(most)));
    let all: Vec<String> = times.into_iter().chain(within).chain(added).collect();
    Some(format!("goal: {}: {met}\n", all.join(", ")))
}

fn duration(seconds: f64) -> String {
    if seconds.abs() < 0.1 {
        format!("{:.2} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}

fn line(value: &impl Serialize) -> Result<(), Fault> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

fn print(text: &str) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

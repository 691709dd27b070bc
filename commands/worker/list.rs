//! `eklavya worker list`

use std::collections::BTreeMap;

use eklavya_core::ids::ProjectId;
use eklavya_core::job::Job;
use eklavya_services::workers::{self, WorkerHealth};
use eklavya_services::{DataStore, jobs, projects};
use eklavya_store::workers::WorkerRecord;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output::{TableRow, time};

const EXAMPLES: &str = "\
Examples:
  eklavya worker list
  eklavya worker list --output jsonl | jq -r .name";

/// List background workers with their age and their jobs
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct WorkerListArgs {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkerView {
    name: String,
    /// `alive`, `draining`, `dead`, or `silent`: on another host, and without a recent heartbeat.
    status: &'static str,
    machine: String,
    pid: u32,
    /// The data directory of the worker.
    home: String,
    /// How many projects the worker works on at the same time.
    capacity: u32,
    /// The jobs in progress: `shop build`.
    jobs: Vec<String>,
    started_at: Timestamp,
    last_heartbeat: Timestamp,
    #[serde(skip)]
    now: Timestamp,
}

/// Runs `eklavya worker list`.
pub fn exec(invocation: &CommandInvocation, _: &WorkerListArgs) -> Result<(), CommandError> {
    let views = data_store::with_data_store(invocation, async |data| {
        let snapshot = jobs::read_snapshot(&data).await?;
        let slugs = projects::slugs(&data).await?;
        let rows = snapshot.workers.iter();
        Ok(rows
            .map(|row| worker_view(&data, row, &snapshot.open, &slugs))
            .collect::<Vec<_>>())
    })?;
    let nothing = "No workers. Start one: eklavya worker";
    invocation.printer.list(&views, nothing)
}

fn worker_view(
    data: &DataStore,
    row: &WorkerRecord,
    open: &[Job],
    slugs: &BTreeMap<ProjectId, String>,
) -> WorkerView {
    let own = |job: &&Job| job.state.worker().is_some_and(|(name, _)| name == row.name);
    let what = |job: &Job| {
        let slug = slugs.get(&job.project).map_or("", String::as_str);
        format!("{slug} {}", job.goal)
    };
    WorkerView {
        name: row.name.clone(),
        status: match (workers::health_of(data, row), row.draining) {
            (WorkerHealth::Alive, false) => "alive",
            (WorkerHealth::Alive, true) => "draining",
            (WorkerHealth::Dead, _) => "dead",
            (WorkerHealth::Unresponsive, _) => "silent",
        },
        machine: row.machine.clone(),
        pid: row.pid,
        home: row.home.clone(),
        capacity: row.capacity,
        jobs: open.iter().filter(own).map(what).collect(),
        started_at: row.started_at,
        last_heartbeat: row.heartbeat,
        now: data.now(),
    }
}

impl TableRow for WorkerView {
    const COLUMNS: &'static [&'static str] = &[
        "worker",
        "status",
        "machine",
        "pid",
        "jobs",
        "age",
        "heartbeat",
        "home",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.status.to_owned(),
            self.machine.clone(),
            self.pid.to_string(),
            format!(
                "{}/{} {}",
                self.jobs.len(),
                self.capacity,
                self.jobs.join(", ")
            )
            .trim_end()
            .to_owned(),
            time::format_elapsed(self.started_at, self.now),
            time::format_elapsed(self.last_heartbeat, self.now),
            self.home.clone(),
        ]
    }
}

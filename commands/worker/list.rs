//! `eklavya worker list`

use std::collections::BTreeMap;

use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::job::Job;
use eklavya_services::workers::{self, Life};
use eklavya_services::{Desk, jobs, projects};
use eklavya_store::workers::WorkerRow;
use jiff::Timestamp;
use serde::Serialize;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Row, time};

const EXAMPLES: &str = "\
Examples:
  eklavya worker list
  eklavya worker list --output jsonl | jq -r .name";

/// List the background workers: who is there, since when, and at what
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct Args {}

/// A background worker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkerView {
    name: String,
    /// `alive`, `draining`, `dead`, or `silent`: elsewhere, and not heard of lately.
    status: &'static str,
    machine: String,
    pid: u32,
    /// Its data directory.
    home: String,
    /// Projects that it works on at the same time.
    capacity: u32,
    /// What it is at: `shop build`.
    jobs: Vec<String>,
    started_at: Timestamp,
    last_heartbeat: Timestamp,
    #[serde(skip)]
    now: Timestamp,
}

/// Runs `eklavya worker list`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let views = desk::with(invocation, async |desk| {
        let look = jobs::look(&desk).await?;
        let all = projects::list(&desk).await?.into_iter();
        let slugs: BTreeMap<ProjectId, String> = all.map(|p| (p.id, p.slug)).collect();
        let rows = look.workers.iter();
        Ok(rows
            .map(|row| view(&desk, row, &look.open, &slugs))
            .collect::<Vec<_>>())
    })?;
    let nothing = "No workers. Start one: eklavya worker";
    invocation.printer.list(&views, nothing)
}

fn view(
    desk: &Desk,
    row: &WorkerRow,
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
        status: match (workers::life_of(desk, row), row.draining) {
            (Life::Alive, false) => "alive",
            (Life::Alive, true) => "draining",
            (Life::Dead, _) => "dead",
            (Life::Silent, _) => "silent",
        },
        machine: row.machine.clone(),
        pid: row.pid,
        home: row.home.clone(),
        capacity: row.capacity,
        jobs: open.iter().filter(own).map(what).collect(),
        started_at: row.started_at,
        last_heartbeat: row.heartbeat,
        now: desk.now(),
    }
}

impl Row for WorkerView {
    const COLUMNS: &'static [&'static str] = &[
        "worker", "status", "machine", "pid", "jobs", "age", "heard", "home",
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
            time::since(self.started_at, self.now),
            time::since(self.last_heartbeat, self.now),
            self.home.clone(),
        ]
    }
}

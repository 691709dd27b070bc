//! `eklavya status`

use std::io::{self, IsTerminal};

use eklavya_core::job::{JobGoal, JobState};
use eklavya_core::project::Project;
use eklavya_services::event_log::EventReader;
use eklavya_services::jobs::QueueSnapshot;
use eklavya_services::workers::{self, WorkerHealth};
use eklavya_services::{DataStore, agents, capacity, jobs, projects, tasks};
use serde::Serialize;

use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::next_step;
use crate::options::OutputFormat;
use crate::output::TableRow;

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

const EXAMPLES: &str = "\
Examples:
  eklavya status
  eklavya status --watch
  eklavya status shop --watch --output jsonl      # one line for each change";

/// Show where the projects stand and what comes next
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Only this project
    slug: Option<String>,

    /// Go on showing it as it changes, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// Where a project stands.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectStatusView {
    slug: String,
    status: &'static str,
    /// In percent.
    progress: u32,
    /// Agents at work.
    agents: usize,
    tasks_done: usize,
    tasks_blocked: usize,
    tasks: usize,
    needs_decision: bool,
    sandboxed: bool,
    rehearsal: bool,
    /// What background workers are to do, oldest first.
    jobs: Vec<OpenJobView>,
    /// What its next agents wait for, where there is no room for them on the machine.
    waiting: Option<String>,
    /// The command that takes it on.
    next: Option<String>,
}

/// An open job.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenJobView {
    id: String,
    goal: JobGoal,
    status: &'static str,
    /// Whether no worker is there that could take it.
    forgotten: bool,
}

impl OpenJobView {
    fn display_text(&self) -> String {
        let nobody = if self.forgotten { ", NO WORKER" } else { "" };
        format!("{} {}{nobody}", self.goal, self.status)
    }
}

impl TableRow for ProjectStatusView {
    const COLUMNS: &'static [&'static str] = &[
        "project", "status", "progress", "tasks", "blocked", "agents", "notes", "next",
    ];

    fn cells(&self) -> Vec<String> {
        let notes = [
            (self.rehearsal, "rehearsal"),
            (!self.sandboxed, "NO SANDBOX"),
            (self.waiting.is_some(), "waiting for capacity"),
        ];
        let notes = notes.iter().filter(|note| note.0);
        let notes = notes.map(|note| note.1.to_owned());
        let jobs = self.jobs.iter().map(OpenJobView::display_text);
        let notes: Vec<String> = notes.chain(jobs).collect();
        vec![
            self.slug.clone(),
            self.status.to_owned(),
            format!("{}%", self.progress),
            format!("{}/{}", self.tasks_done, self.tasks),
            self.tasks_blocked.to_string(),
            self.agents.to_string(),
            notes.join(", "),
            self.next.clone().unwrap_or_default(),
        ]
    }
}

/// Runs `eklavya status`.
pub fn exec(invocation: &CommandInvocation, args: &StatusArgs) -> Result<(), CommandError> {
    data_store::with_data_store(invocation, async |data| {
        let slug = args.slug.as_deref();
        if args.watch {
            watch(invocation, &data, slug).await
        } else {
            print_statuses(invocation, &project_statuses(&data, slug).await?)
        }
    })
}

fn print_statuses(
    invocation: &CommandInvocation,
    standings: &[ProjectStatusView],
) -> Result<(), CommandError> {
    let nothing = "No projects. Create one: eklavya project new NAME --brief FILE";
    invocation.printer.list(standings, nothing)
}

/// Prints anew whenever something has changed; ends with Ctrl-C, or when nobody reads any more.
async fn watch(
    invocation: &CommandInvocation,
    data: &DataStore,
    slug: Option<&str>,
) -> Result<(), CommandError> {
    let screen = invocation.printer.format() == OutputFormat::Table && io::stdout().is_terminal();
    let mut follower = EventReader::from_now(data).await?;
    let mut shown = None;
    loop {
        let now = project_statuses(data, slug).await?;
        if shown.as_ref() != Some(&now) {
            if screen {
                crate::output::raw(CLEAR)?;
            }
            print_statuses(invocation, &now)?;
            shown = Some(now);
        }
        follower.next().await?;
    }
}

async fn project_statuses(
    data: &DataStore,
    slug: Option<&str>,
) -> Result<Vec<ProjectStatusView>, CommandError> {
    let all = match slug {
        Some(slug) => vec![projects::find(data, slug).await?],
        None => projects::list(data).await?,
    };
    let look = jobs::read_snapshot(data).await?;
    let mut standings = Vec::new();
    for project in all {
        if slug.is_some() || project.state.status() != "archived" {
            standings.push(project_status(data, &project, &look).await?);
        }
    }
    Ok(standings)
}

async fn project_status(
    data: &DataStore,
    project: &Project,
    look: &QueueSnapshot,
) -> Result<ProjectStatusView, CommandError> {
    let tasks = tasks::list(data, project.id).await?;
    let agents = agents::list(data, Some(project.id)).await?;
    let waiting = capacity::find_wait(data, project.id).await?;
    let count = |status| {
        tasks
            .iter()
            .filter(|task| task.state.status() == status)
            .count()
    };
    Ok(ProjectStatusView {
        slug: project.slug.clone(),
        status: project.state.status(),
        progress: project.progress,
        agents: agents.iter().filter(|agent| agent.state.is_live()).count(),
        tasks_done: count("done"),
        tasks_blocked: count("blocked"),
        tasks: tasks.len(),
        needs_decision: next_step::needs_decision(&project.state) || count("blocked") > 0,
        sandboxed: project.sandboxed,
        rehearsal: project.rehearsal.is_some(),
        jobs: open_jobs(data, project, look),
        waiting: waiting.map(|wait| wait.reason),
        next: next_step::next_command(project),
    })
}

fn open_jobs(data: &DataStore, project: &Project, look: &QueueSnapshot) -> Vec<OpenJobView> {
    let is_there = |row| workers::health_of(data, row) == WorkerHealth::Alive;
    let nobody = !look.workers.iter().any(is_there);
    let own = look.open.iter().filter(|job| job.project == project.id);
    own.map(|job| OpenJobView {
        id: job.id.to_string(),
        goal: job.goal,
        status: job.state.status(),
        forgotten: nobody && matches!(job.state, JobState::Queued { .. }),
    })
    .collect()
}

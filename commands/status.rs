//! `eklavya status`

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobGoal, JobState};
use eklavya_services::event_log::EventReader;
use eklavya_services::workers::{self, WorkerHealth};
use eklavya_services::{DataStore, jobs, projects};
use eklavya_store::project_status::ProjectStatus;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::options::OutputFormat;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;
use crate::output::{self, TableRow};

/// Clears a terminal and moves the cursor to the upper left corner.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

const EXAMPLES: &str = "\
Examples:
  eklavya status
  eklavya status --watch
  eklavya status shop --watch --output jsonl      # one line per change";

/// Show the status of each project and its next command
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Only show this project
    slug: Option<String>,

    /// Print the status again on each change, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectStatusView {
    slug: String,
    status: &'static str,
    /// In percent.
    progress: u32,
    /// Number of running agents.
    agents: u32,
    tasks_done: u32,
    tasks_blocked: u32,
    tasks: u32,
    needs_decision: bool,
    sandboxed: bool,
    rehearsal: bool,
    /// The open jobs of background workers, oldest first.
    jobs: Vec<OpenJobView>,
    /// What the next agents of the project wait for, if the machine has no capacity for them.
    waiting: Option<String>,
    /// The command for the next step.
    next: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenJobView {
    id: String,
    goal: JobGoal,
    status: &'static str,
    /// Whether the job is queued and no worker is running.
    forgotten: bool,
}

impl OpenJobView {
    fn of(job: &Job, has_worker: bool) -> Self {
        Self {
            id: job.id.to_string(),
            goal: job.goal,
            status: job.state.status(),
            forgotten: !has_worker && matches!(job.state, JobState::Queued { .. }),
        }
    }

    fn display_text(&self) -> String {
        let no_worker = if self.forgotten { ", NO WORKER" } else { "" };
        format!(
            "{} {}{no_worker}",
            self.goal,
            output::state_words(self.status)
        )
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
            output::state_words(self.status),
            format!("{}%", self.progress),
            format!("{}/{}", self.tasks_done, self.tasks),
            self.tasks_blocked.to_string(),
            self.agents.to_string(),
            notes.join(", "),
            self.next.clone().unwrap_or_default(),
        ]
    }
}

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
    statuses: &[ProjectStatusView],
) -> Result<(), CommandError> {
    let nothing = "No projects. Create one: eklavya project new NAME --brief FILE";
    invocation.printer.list(statuses, nothing)
}

/// Prints the status again after each change; ends with Ctrl-C, or when stdout is closed.
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
                output::raw(CLEAR)?;
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
    let mut found = projects::list_statuses(data, slug).await?;
    found.retain(|project| slug.is_some() || project.state.status() != "archived");
    let queue = jobs::read_snapshot(data).await?;
    let is_alive = |worker| workers::health_of(data, worker) == WorkerHealth::Alive;
    let has_worker = queue.workers.iter().any(is_alive);
    let mut jobs: BTreeMap<ProjectId, Vec<OpenJobView>> = BTreeMap::new();
    for job in &queue.open {
        jobs.entry(job.project)
            .or_default()
            .push(OpenJobView::of(job, has_worker));
    }
    let views = found.into_iter().map(|project| {
        let jobs = jobs.remove(&project.project).unwrap_or_default();
        ProjectStatusView::of(project, jobs)
    });
    Ok(views.collect())
}

impl ProjectStatusView {
    fn of(project: ProjectStatus, jobs: Vec<OpenJobView>) -> Self {
        Self {
            status: project.state.status(),
            progress: project.progress,
            agents: project.live_agents,
            tasks_done: project.tasks_done,
            tasks_blocked: project.tasks_blocked,
            tasks: project.tasks,
            needs_decision: next_step::needs_decision(&project.state) || project.tasks_blocked > 0,
            sandboxed: project.sandboxed,
            rehearsal: project.is_rehearsed,
            jobs,
            waiting: project.waiting,
            next: next_step::next_command_for(&project.slug, &project.state),
            slug: project.slug,
        }
    }
}

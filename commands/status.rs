//! `eklavya status`

use std::io::{self, IsTerminal};

use eklavya_core::domain::job::{Goal, JobState};
use eklavya_core::domain::project::Project;
use eklavya_services::jobs::Look;
use eklavya_services::news::Follower;
use eklavya_services::workers::{self, Life};
use eklavya_services::{Desk, agents, capacity, jobs, projects, tasks};
use serde::Serialize;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::next;
use crate::options::Format;
use crate::output::Row;

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
pub struct Args {
    /// Only this project
    slug: Option<String>,

    /// Go on showing it as it changes, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// Where a project stands.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
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
    jobs: Vec<JobNote>,
    /// What its next agents wait for, where there is no room for them on the machine.
    waiting: Option<String>,
    /// The command that takes it on.
    next: Option<String>,
}

/// An open job.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct JobNote {
    id: String,
    goal: Goal,
    status: &'static str,
    /// Whether no worker is there that could take it.
    forgotten: bool,
}

impl JobNote {
    fn for_people(&self) -> String {
        let nobody = if self.forgotten { ", NO WORKER" } else { "" };
        format!("{} {}{nobody}", self.goal, self.status)
    }
}

impl Row for Standing {
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
        let jobs = self.jobs.iter().map(JobNote::for_people);
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
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    desk::with(invocation, async |desk| {
        let slug = args.slug.as_deref();
        if args.watch {
            watch(invocation, &desk, slug).await
        } else {
            print(invocation, &standings(&desk, slug).await?)
        }
    })
}

fn print(invocation: &Invocation, standings: &[Standing]) -> Result<(), CommandError> {
    let nothing = "No projects. Create one: eklavya project new NAME --brief FILE";
    invocation.printer.list(standings, nothing)
}

/// Prints anew whenever something has changed; ends with Ctrl-C, or when nobody reads any more.
async fn watch(
    invocation: &Invocation,
    desk: &Desk,
    slug: Option<&str>,
) -> Result<(), CommandError> {
    let screen = invocation.printer.format() == Format::Table && io::stdout().is_terminal();
    let mut follower = Follower::from_now(desk).await?;
    let mut shown = None;
    loop {
        let now = standings(desk, slug).await?;
        if shown.as_ref() != Some(&now) {
            if screen {
                crate::output::raw(CLEAR)?;
            }
            print(invocation, &now)?;
            shown = Some(now);
        }
        follower.next().await?;
    }
}

async fn standings(desk: &Desk, slug: Option<&str>) -> Result<Vec<Standing>, CommandError> {
    let all = match slug {
        Some(slug) => vec![projects::find(desk, slug).await?],
        None => projects::list(desk).await?,
    };
    let look = jobs::look(desk).await?;
    let mut standings = Vec::new();
    for project in all {
        if slug.is_some() || project.state.status() != "archived" {
            standings.push(standing(desk, &project, &look).await?);
        }
    }
    Ok(standings)
}

async fn standing(desk: &Desk, project: &Project, look: &Look) -> Result<Standing, CommandError> {
    let tasks = tasks::list(desk, project.id).await?;
    let agents = agents::list(desk, Some(project.id)).await?;
    let waiting = capacity::wait_of(desk, project.id).await?;
    let count = |status| {
        tasks
            .iter()
            .filter(|task| task.state.status() == status)
            .count()
    };
    Ok(Standing {
        slug: project.slug.clone(),
        status: project.state.status(),
        progress: project.progress,
        agents: agents.iter().filter(|agent| agent.state.is_live()).count(),
        tasks_done: count("done"),
        tasks_blocked: count("blocked"),
        tasks: tasks.len(),
        needs_decision: next::needs_decision(&project.state) || count("blocked") > 0,
        sandboxed: project.sandboxed,
        rehearsal: project.rehearsal.is_some(),
        jobs: jobs_of(desk, project, look),
        waiting: waiting.map(|wait| wait.reason),
        next: next::command(project),
    })
}

fn jobs_of(desk: &Desk, project: &Project, look: &Look) -> Vec<JobNote> {
    let is_there = |row| workers::life_of(desk, row) == Life::Alive;
    let nobody = !look.workers.iter().any(is_there);
    let own = look.open.iter().filter(|job| job.project == project.id);
    own.map(|job| JobNote {
        id: job.id.to_string(),
        goal: job.goal,
        status: job.state.status(),
        forgotten: nobody && matches!(job.state, JobState::Queued { .. }),
    })
    .collect()
}

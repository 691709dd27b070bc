//! `eklavya agents logs`

use std::io;
use std::time::Duration;

use camino::Utf8Path;
use eklavya_claude::transcript::{Follower, Record, Renderer};
use eklavya_core::domain::agent::Agent;
use eklavya_services::{Desk, agents};
use eklavya_store::projects;
use jiff::tz::TimeZone;

use crate::desk;
use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::options::Format;
use crate::output;

/// How often it is looked for more.
const PAUSE: Duration = Duration::from_millis(300);

const EXAMPLES: &str = "\
Examples:
  eklavya agents logs 3f2a
  eklavya agents logs 3f2a --follow
  eklavya agents logs 3f2a --output jsonl      # everything, as it came";

/// Print what an agent said and did
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agent: the beginning of its id, as agents ps shows it
    agent: String,

    /// Go on with what it does from now on, until it ends
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya agents logs`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    desk::with(invocation, async |desk| {
        let agent = agents::find(&desk, &args.agent).await?;
        let slug = slug(&desk, &agent).await?;
        let path = invocation
            .home
            .project(&slug)
            .join("transcripts")
            .join(format!("{}.jsonl", agent.id));
        let mut transcript = Transcript::new(invocation, &path);
        transcript.print_new()?;
        while args.follow && is_live(&desk, &agent).await? {
            tokio::time::sleep(PAUSE).await;
            transcript.print_new()?;
        }
        // What came between the last look and its end.
        transcript.print_new()?;
        transcript.finish(&agent)
    })
}

async fn slug(desk: &Desk, agent: &Agent) -> Result<String, CommandError> {
    let project = projects::by_id(&mut desk.read().await?, agent.project).await?;
    project.map(|project| project.slug).ok_or_else(|| {
        let message = format!("agent {} is of no project", agent.id.short());
        CommandError::new(Kind::Environment, message).hint("Look into it: eklavya doctor")
    })
}

async fn is_live(desk: &Desk, agent: &Agent) -> Result<bool, CommandError> {
    Ok(agents::get(desk, agent.id).await?.state.is_live())
}

/// A transcript that may still be written, or not yet have been begun.
struct Transcript<'a> {
    invocation: &'a Invocation,
    path: &'a Utf8Path,
    follower: Option<Follower>,
    renderer: Renderer,
    /// What has been read, where all of it is to be printed as one document.
    kept: Vec<Record>,
}

impl<'a> Transcript<'a> {
    fn new(invocation: &'a Invocation, path: &'a Utf8Path) -> Self {
        Self {
            invocation,
            path,
            follower: None,
            renderer: Renderer::new(TimeZone::UTC),
            kept: Vec::new(),
        }
    }

    fn print_new(&mut self) -> Result<(), CommandError> {
        loop {
            let records = self
                .read_new()
                .map_err(|error| unreadable(self.path, &error))?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                self.print(record)?;
            }
        }
    }

    fn read_new(&mut self) -> io::Result<Vec<Record>> {
        if let Some(follower) = &mut self.follower {
            return follower.read_new();
        }
        match Follower::open(self.path.as_std_path()) {
            Ok(follower) => self.follower.insert(follower).read_new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn print(&mut self, record: Record) -> Result<(), CommandError> {
        match self.invocation.printer.format() {
            Format::Table => output::lines(&self.renderer.render(&record)),
            Format::Jsonl => output::json_line(&record),
            Format::Json => {
                self.kept.push(record);
                Ok(())
            }
        }
    }

    fn finish(&self, agent: &Agent) -> Result<(), CommandError> {
        if self.follower.is_none() {
            let message = format!("Agent {} has said nothing yet", agent.id.short());
            self.invocation.printer.note(&message);
        }
        match self.invocation.printer.format() {
            Format::Json => output::json_document(&self.kept),
            Format::Table | Format::Jsonl => Ok(()),
        }
    }
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(Kind::Environment, format!("cannot read {path}: {error}"))
}

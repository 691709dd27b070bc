//! `eklavya agents logs`

use std::io;
use std::time::Duration;

use camino::Utf8Path;
use eklavya_claude::transcript::{TranscriptRecord, TranscriptRenderer, TranscriptTail};
use eklavya_core::agent::Agent;
use eklavya_services::{DataStore, agents};
use eklavya_store::projects;
use jiff::tz::TimeZone;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::options::OutputFormat;
use crate::invocation::{CommandInvocation, data_store};
use crate::output;

/// Pause between two reads of the transcript.
const PAUSE: Duration = Duration::from_millis(300);

const EXAMPLES: &str = "\
Examples:
  eklavya agents logs 3f2a
  eklavya agents logs 3f2a --follow
  eklavya agents logs 3f2a --output jsonl      # the raw records";

/// Print the transcript of an agent
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AgentsLogsArgs {
    /// Id of the agent, or a unique prefix of it, as shown by `agents ps`
    agent: String,

    /// Keep printing new records until the agent ends
    #[arg(short, long)]
    follow: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &AgentsLogsArgs) -> Result<(), CommandError> {
    data_store::with_data_store(invocation, async |data| {
        let agent = agents::find(&data, &args.agent).await?;
        let slug = find_project_slug(&data, &agent).await?;
        let path = invocation
            .home
            .project_directory(&slug)
            .join("transcripts")
            .join(format!("{}.jsonl", agent.id));
        let mut transcript = TranscriptPrinter::new(invocation, &path);
        transcript.print_new()?;
        while args.follow && is_live(&data, &agent).await? {
            tokio::time::sleep(PAUSE).await;
            transcript.print_new()?;
        }
        // Records that came between the last read and the end of the agent.
        transcript.print_new()?;
        transcript.finish(&agent)
    })
}

async fn find_project_slug(data: &DataStore, agent: &Agent) -> Result<String, CommandError> {
    let project = projects::by_id(&mut data.begin_read().await?, agent.project).await?;
    project.map(|project| project.slug).ok_or_else(|| {
        let message = format!("agent {} belongs to no project", agent.id.short());
        CommandError::new(CommandErrorKind::Environment, message)
            .with_hint("Check the installation: eklavya doctor")
    })
}

async fn is_live(data: &DataStore, agent: &Agent) -> Result<bool, CommandError> {
    Ok(agents::get(data, agent.id).await?.state.is_live())
}

/// Prints a transcript that may still grow, or may not exist yet.
struct TranscriptPrinter<'a> {
    invocation: &'a CommandInvocation,
    path: &'a Utf8Path,
    tail: Option<TranscriptTail>,
    renderer: TranscriptRenderer,
    /// The records so far; used only if the output is one JSON document.
    buffered: Vec<TranscriptRecord>,
}

impl<'a> TranscriptPrinter<'a> {
    fn new(invocation: &'a CommandInvocation, path: &'a Utf8Path) -> Self {
        Self {
            invocation,
            path,
            tail: None,
            renderer: TranscriptRenderer::new(TimeZone::UTC),
            buffered: Vec::new(),
        }
    }

    fn print_new(&mut self) -> Result<(), CommandError> {
        loop {
            let records = self
                .read_new()
                .map_err(|error| unreadable_error(self.path, &error))?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                self.print(record)?;
            }
        }
    }

    fn read_new(&mut self) -> io::Result<Vec<TranscriptRecord>> {
        if let Some(follower) = &mut self.tail {
            return follower.read_new();
        }
        match TranscriptTail::open(self.path.as_std_path()) {
            Ok(follower) => self.tail.insert(follower).read_new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn print(&mut self, record: TranscriptRecord) -> Result<(), CommandError> {
        match self.invocation.printer.format() {
            OutputFormat::Table => output::lines(&self.renderer.render(&record)),
            OutputFormat::Jsonl => output::json_line(&record),
            OutputFormat::Json => {
                self.buffered.push(record);
                Ok(())
            }
        }
    }

    fn finish(&self, agent: &Agent) -> Result<(), CommandError> {
        if self.tail.is_none() {
            let message = format!("Agent {} has no transcript yet", agent.id.short());
            self.invocation.printer.note(&message);
        }
        match self.invocation.printer.format() {
            OutputFormat::Json => output::json_document(&self.buffered),
            OutputFormat::Table | OutputFormat::Jsonl => Ok(()),
        }
    }
}

fn unreadable_error(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(
        CommandErrorKind::Environment,
        format!("cannot read {path}: {error}"),
    )
}

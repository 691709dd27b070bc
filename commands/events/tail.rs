//! `eklavya events tail`

use eklavya_core::event::StoredEvent;
use eklavya_core::ids::ProjectId;
use eklavya_services::event_log::EventReader;
use eklavya_services::{DataStore, projects};
use eklavya_store::events;

use super::view::EventFormatter;
use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::options::OutputFormat;
use crate::output;

/// How many events are printed where nobody says from where on.
const LAST: u32 = 20;
/// Events that are read at once.
const BATCH: u32 = 500;

const EXAMPLES: &str = "\
Examples:
  eklavya events tail                                       # the last 20
  eklavya events tail shop --follow                         # what happens from now on, until Ctrl-C
  eklavya events tail --since 0 --output jsonl              # everything, one JSON document a line
  eklavya events tail --since 41 --follow --output jsonl    # go on after the event with seq 41

Every event is printed once, in the order of seq. Remember the last one, and --since goes on from there.";

/// Print what happened, and what happens
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsTailArgs {
    /// Only this project
    slug: Option<String>,

    /// Print all that comes after the event of this number; 0 is before the first
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    since: Option<i64>,

    /// Go on with what happens, until Ctrl-C; without --since from now on
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya events tail`.
pub fn exec(invocation: &CommandInvocation, args: &EventsTailArgs) -> Result<(), CommandError> {
    if args.follow && invocation.printer.format() == OutputFormat::Json {
        let message = "--output json is one document, and --follow has no end";
        return Err(CommandError::usage(message.to_owned())
            .with_hint("One document for each event: --output jsonl"));
    }
    data_store::with_data_store(invocation, async |data| {
        let project = match &args.slug {
            Some(slug) => Some(projects::find(&data, slug).await?.id),
            None => None,
        };
        if args.follow {
            follow(invocation, &data, project, args.since).await
        } else {
            print_stored(invocation, &data, project, args.since).await
        }
    })
}

async fn print_stored(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: Option<ProjectId>,
    since: Option<i64>,
) -> Result<(), CommandError> {
    data.sequence_events().await?;
    let mut tx = data.begin_read().await?;
    let mut cursor = match since {
        Some(since) => since,
        None => events::seq_before_last(&mut tx, project, LAST).await?,
    };
    let mut sink = EventPrinter::new(invocation, data);
    loop {
        let found = events::read_after(&mut tx, project, cursor, BATCH).await?;
        let Some(last) = found.last() else {
            return sink.finish();
        };
        cursor = last.seq;
        sink.print(found).await?;
    }
}

async fn follow(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: Option<ProjectId>,
    since: Option<i64>,
) -> Result<(), CommandError> {
    let mut follower = match since {
        Some(since) => EventReader::since(data, since),
        None => EventReader::from_now(data).await?,
    };
    if let Some(project) = project {
        follower = follower.for_project(project);
    }
    let mut sink = EventPrinter::new(invocation, data);
    loop {
        sink.print(follower.next().await?).await?;
    }
}

/// Prints events as they come.
struct EventPrinter<'a> {
    invocation: &'a CommandInvocation,
    lines: EventFormatter<'a>,
    /// What was printed of the one document, where it is one.
    buffered: Vec<StoredEvent>,
    printed: bool,
}

impl<'a> EventPrinter<'a> {
    fn new(invocation: &'a CommandInvocation, data: &'a DataStore) -> Self {
        Self {
            invocation,
            lines: EventFormatter::new(data),
            buffered: Vec::new(),
            printed: false,
        }
    }

    async fn print(&mut self, found: Vec<StoredEvent>) -> Result<(), CommandError> {
        self.printed |= !found.is_empty();
        match self.invocation.printer.format() {
            OutputFormat::Table => output::lines(&self.lines.format_events(&found).await?),
            OutputFormat::Jsonl => output::json_lines(&found),
            OutputFormat::Json => {
                self.buffered.extend(found);
                Ok(())
            }
        }
    }

    fn finish(&self) -> Result<(), CommandError> {
        match self.invocation.printer.format() {
            OutputFormat::Json => output::json_document(&self.buffered),
            OutputFormat::Table if !self.printed => {
                self.invocation.printer.note("Nothing has happened");
                Ok(())
            }
            OutputFormat::Table | OutputFormat::Jsonl => Ok(()),
        }
    }
}

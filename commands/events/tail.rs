//! `eklavya events tail`

use eklavya_core::event::StoredEvent;
use eklavya_core::ids::ProjectId;
use eklavya_services::event_log::EventReader;
use eklavya_services::{DataStore, projects};
use eklavya_store::events;

use super::view::EventFormatter;
use crate::error::CommandError;
use crate::invocation::options::OutputFormat;
use crate::invocation::{CommandInvocation, data_store};
use crate::output;

/// Number of events that are printed without `--since`.
const DEFAULT_COUNT: u32 = 20;
/// Number of events that are read in one query.
const BATCH: u32 = 500;

const EXAMPLES: &str = "\
Examples:
  eklavya events tail                                       # the last 20 events
  eklavya events tail shop --follow                         # new events, until Ctrl-C
  eklavya events tail --since 0 --output jsonl              # all events, one JSON document per line
  eklavya events tail --since 41 --follow --output jsonl    # resume after the event with seq 41

Every event is printed once, in the order of seq. To resume, pass the last seq that you read to --since.";

/// Print events, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsTailArgs {
    /// Only print the events of this project
    slug: Option<String>,

    /// Print all events after the event with this seq; 0 prints all events
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    since: Option<i64>,

    /// Keep printing new events until Ctrl-C; without --since, print only new events
    #[arg(short, long)]
    follow: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &EventsTailArgs) -> Result<(), CommandError> {
    if args.follow && invocation.printer.format() == OutputFormat::Json {
        let message = "--output json prints one document, but --follow never ends";
        return Err(CommandError::usage(message.to_owned())
            .with_hint("Print one document per event: --output jsonl"));
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
        None => events::seq_before_last(&mut tx, project, DEFAULT_COUNT).await?,
    };
    let mut printer = EventPrinter::new(invocation, data);
    loop {
        let found = events::read_after(&mut tx, project, cursor, BATCH).await?;
        let Some(last) = found.last() else {
            return printer.finish();
        };
        cursor = last.seq;
        printer.print(found).await?;
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
    let mut printer = EventPrinter::new(invocation, data);
    loop {
        printer.print(follower.next().await?).await?;
    }
}

/// Prints events as they arrive.
struct EventPrinter<'a> {
    invocation: &'a CommandInvocation,
    lines: EventFormatter<'a>,
    /// The events so far; used only if the output is one JSON document.
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
                self.invocation.printer.note("No events");
                Ok(())
            }
            OutputFormat::Table | OutputFormat::Jsonl => Ok(()),
        }
    }
}

//! `eklavya events tail`

use eklavya_core::domain::event::StoredEvent;
use eklavya_core::domain::ids::ProjectId;
use eklavya_services::news::Follower;
use eklavya_services::{Desk, projects};
use eklavya_store::events;

use super::view::Lines;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::options::Format;
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
pub struct Args {
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
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    if args.follow && invocation.printer.format() == Format::Json {
        let message = "--output json is one document, and --follow has no end";
        return Err(CommandError::usage(message.to_owned())
            .hint("One document for each event: --output jsonl"));
    }
    desk::with(invocation, async |desk| {
        let project = match &args.slug {
            Some(slug) => Some(projects::find(&desk, slug).await?.id),
            None => None,
        };
        if args.follow {
            follow(invocation, &desk, project, args.since).await
        } else {
            print_stored(invocation, &desk, project, args.since).await
        }
    })
}

async fn print_stored(
    invocation: &Invocation,
    desk: &Desk,
    project: Option<ProjectId>,
    since: Option<i64>,
) -> Result<(), CommandError> {
    desk.place_events().await?;
    let mut tx = desk.read().await?;
    let mut cursor = match since {
        Some(since) => since,
        None => events::before_last(&mut tx, project, LAST).await?,
    };
    let mut sink = Sink::new(invocation, desk);
    loop {
        let found = events::after(&mut tx, project, cursor, BATCH).await?;
        let Some(last) = found.last() else {
            return sink.finish();
        };
        cursor = last.seq;
        sink.print(found).await?;
    }
}

async fn follow(
    invocation: &Invocation,
    desk: &Desk,
    project: Option<ProjectId>,
    since: Option<i64>,
) -> Result<(), CommandError> {
    let mut follower = match since {
        Some(since) => Follower::since(desk, since),
        None => Follower::from_now(desk).await?,
    };
    if let Some(project) = project {
        follower = follower.of_project(project);
    }
    let mut sink = Sink::new(invocation, desk);
    loop {
        sink.print(follower.next().await?).await?;
    }
}

/// Prints events as they come.
struct Sink<'a> {
    invocation: &'a Invocation,
    lines: Lines<'a>,
    /// What was printed of the one document, where it is one.
    kept: Vec<StoredEvent>,
    printed: bool,
}

impl<'a> Sink<'a> {
    fn new(invocation: &'a Invocation, desk: &'a Desk) -> Self {
        Self {
            invocation,
            lines: Lines::new(desk),
            kept: Vec::new(),
            printed: false,
        }
    }

    async fn print(&mut self, found: Vec<StoredEvent>) -> Result<(), CommandError> {
        self.printed |= !found.is_empty();
        match self.invocation.printer.format() {
            Format::Table => output::lines(&self.lines.of(&found).await?),
            Format::Jsonl => output::json_lines(&found),
            Format::Json => {
                self.kept.extend(found);
                Ok(())
            }
        }
    }

    fn finish(&self) -> Result<(), CommandError> {
        match self.invocation.printer.format() {
            Format::Json => output::json_document(&self.kept),
            Format::Table if !self.printed => {
                self.invocation.printer.note("Nothing has happened");
                Ok(())
            }
            Format::Table | Format::Jsonl => Ok(()),
        }
    }
}

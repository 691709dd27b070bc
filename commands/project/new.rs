//! `eklavya project new`

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::money::MicroUsd;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_gateway::RehearsalScript;
use eklavya_services::projects::{self, MAX_BRIEF_BYTES, NewProject};

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;

const EXAMPLES: &str = "\
Examples:
  eklavya project new \"Coffee Shop\" --brief brief.md --client \"Ada's Coffee\" --budget 25
  cat brief.md | eklavya project new shop --brief - --client Ada --budget 25 --yes
  eklavya project new shop --brief brief.md --client Ada --budget 25 --rehearsal shop.yaml";

/// Create a project from a client's brief
///
/// On a terminal, the command asks for values that are not given.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ProjectNewArgs {
    /// Name of the project
    name: String,

    /// Text file with the client's brief; - reads stdin
    #[arg(long, value_name = "FILE")]
    brief: Option<Utf8PathBuf>,

    /// Name of the client
    #[arg(long)]
    client: Option<String>,

    /// Maximum cost in US dollars
    #[arg(long, value_name = "USD")]
    budget: Option<MicroUsd>,

    /// Short name for commands (default: derived from NAME)
    #[arg(long)]
    slug: Option<String>,

    /// Rehearsal to use instead of a model
    #[arg(long, value_name = "FILE")]
    rehearsal: Option<Utf8PathBuf>,

    /// Isolation backend for this project (default: `sandbox.isolation`)
    #[arg(long, value_name = "ISOLATION", value_parser = super::isolation_parser())]
    isolation: Option<IsolationKind>,
}

pub fn exec(invocation: &CommandInvocation, args: ProjectNewArgs) -> Result<(), CommandError> {
    let config = invocation.config()?;
    let prompt = invocation.prompt;
    let brief = match args.brief {
        Some(file) => file,
        None => prompt
            .ask_text("File with the brief", "--brief FILE")?
            .into(),
    };
    // Checked before the other questions are asked.
    let brief = read_brief(&invocation.working_directory, &brief)?;
    let client = match args.client {
        Some(client) => client,
        None => prompt.ask_text("Client", "--client NAME")?,
    };
    let budget = match args.budget {
        Some(budget) => budget,
        None => prompt.ask_parsed("Budget in US dollars", "--budget USD")?,
    };
    let rehearsal = match args.rehearsal {
        Some(file) => Some(invocation.working_directory.join(file)),
        None => config.model.rehearsal.clone(),
    };
    if let Some(file) = &rehearsal {
        RehearsalScript::load(file.as_std_path())?;
    }
    let new = NewProject {
        name: validate_name("the name", &args.name)?,
        slug: args.slug,
        client: validate_name("--client", &client)?,
        brief,
        budget: Some(budget),
        rehearsal: rehearsal.map(Utf8PathBuf::into_string),
    };
    create_project(invocation, new, args.isolation)
}

fn create_project(
    invocation: &CommandInvocation,
    new: NewProject,
    isolation: Option<IsolationKind>,
) -> Result<(), CommandError> {
    let (project, line) = data_store::with_data_store(invocation, async |data| {
        let project =
            projects::create_with_isolation(&data, &data_store::current_actor(), new, isolation)
                .await?;
        super::with_summary(&data, project).await
    })?;
    let created = format!("Created {}", project.slug);
    next_step::print_done(invocation, &created, &project, &line)
}

/// Reads and checks the brief; reads at most one byte more than the limit.
fn read_brief(working_directory: &Utf8Path, file: &Utf8Path) -> Result<Vec<u8>, CommandError> {
    let unusable = |reason: String| {
        CommandError::usage(format!("cannot use the brief {file}: {reason}"))
            .with_hint("Name a text file with the client's wishes, or - for stdin: --brief FILE")
    };
    let mut brief = Vec::new();
    let limit = MAX_BRIEF_BYTES as u64 + 1;
    let read = if file == "-" {
        io::stdin().take(limit).read_to_end(&mut brief)
    } else {
        File::open(working_directory.join(file))
            .and_then(|opened| opened.take(limit).read_to_end(&mut brief))
    };
    read.map_err(|error| unusable(error.to_string()))?;
    if brief.len() > MAX_BRIEF_BYTES {
        return Err(unusable(format!(
            "it is larger than {MAX_BRIEF_BYTES} bytes"
        )));
    }
    projects::parse_brief(&brief).map_err(|error| unusable(error.to_string()))?;
    Ok(brief)
}

/// Names appear in lists, commits and pages, so they are one line of limited length.
fn validate_name(what: &str, name: &str) -> Result<String, CommandError> {
    const MAX_CHARS: usize = 200;
    let name = name.trim().to_owned();
    if name.is_empty() || name.contains(char::is_control) || name.chars().count() > MAX_CHARS {
        let message = format!("{what} must be one line of 1 to {MAX_CHARS} characters");
        return Err(CommandError::usage(message));
    }
    Ok(name)
}

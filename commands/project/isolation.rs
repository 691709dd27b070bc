//! `eklavya project isolation`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use eklavya_core::project::isolation::IsolationKind;
use eklavya_services::projects;

use super::with_summary;
use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

const EXAMPLES: &str = "\
Examples:
  eklavya project isolation shop docker
  eklavya project isolation shop default    # what sandbox.isolation says";

/// The word for what the configuration says.
const DEFAULT: &str = "default";

/// Choose what holds the agents of a project: bubblewrap, or containers of Docker's
///
/// It counts from the next command on. Without a choice, the present one is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ProjectIsolationArgs {
    /// The project
    slug: String,

    /// bubblewrap, docker, or default: what sandbox.isolation says
    #[arg(value_parser = PossibleValuesParser::new(["bubblewrap", "docker", DEFAULT]))]
    isolation: Option<String>,
}

/// Reads an isolation on the command line.
pub fn isolation_parser() -> impl TypedValueParser<Value = IsolationKind> {
    PossibleValuesParser::new(IsolationKind::ALL.map(IsolationKind::name))
        .try_map(|name| name.parse::<IsolationKind>())
}

/// Runs `eklavya project isolation`.
pub fn exec(
    invocation: &CommandInvocation,
    args: &ProjectIsolationArgs,
) -> Result<(), CommandError> {
    let configured = invocation.config()?.sandbox.isolation;
    let (project, line) = data_store::with_data_store(invocation, async |data| {
        let mut project = projects::find(&data, &args.slug).await?;
        if let Some(word) = &args.isolation {
            let chosen = word.parse().ok();
            project =
                projects::set_isolation(&data, &data_store::current_actor(), &project, chosen)
                    .await?;
        }
        with_summary(&data, project).await
    })?;
    let message = match project.isolation {
        Some(isolation) => format!("{}: {isolation}", args.slug),
        None => format!("{}: {configured}, as sandbox.isolation says", args.slug),
    };
    invocation.printer.done(&message, &line)
}

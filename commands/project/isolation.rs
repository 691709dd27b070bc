//! `eklavya project isolation`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use eklavya_core::project::isolation::IsolationKind;
use eklavya_services::projects;

use super::with_summary;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya project isolation shop docker
  eklavya project isolation shop default    # use sandbox.isolation";

/// The word for the isolation of `sandbox.isolation`.
const DEFAULT: &str = "default";

/// Set the isolation backend of a project, or show it
///
/// Agents run under bubblewrap or in Docker containers. The setting applies from the next command on.
/// Without ISOLATION, the command shows the current backend.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ProjectIsolationArgs {
    /// The project
    slug: String,

    /// Isolation backend; `default` uses `sandbox.isolation`
    #[arg(value_parser = PossibleValuesParser::new(["bubblewrap", "docker", DEFAULT]))]
    isolation: Option<String>,
}

/// Returns the parser of an isolation backend on the command line.
pub fn isolation_parser() -> impl TypedValueParser<Value = IsolationKind> {
    PossibleValuesParser::new(IsolationKind::ALL.map(IsolationKind::name))
        .try_map(|name| name.parse::<IsolationKind>())
}

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
        None => format!("{}: {configured} (sandbox.isolation)", args.slug),
    };
    invocation.printer.done(&message, &line)
}

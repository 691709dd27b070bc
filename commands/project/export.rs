//! `eklavya project export`

use camino::Utf8PathBuf;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::{crew, desk};
use eklavya_engine::export;
use eklavya_services::{audit, projects};
use serde_json::json;

/// Write everything about a project into a directory: records, repository, delivery
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya project export shop --directory ./shop-export")]
pub struct Args {
    /// The project
    slug: String,

    /// The directory, which must not exist or be empty; SLUG-export where it is not given
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
}

/// Runs `eklavya project export`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let directory = match &args.directory {
        Some(directory) => invocation.working_directory.join(directory),
        None => invocation
            .working_directory
            .join(format!("{}-export", args.slug)),
    };
    let files = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let site = crew::records(invocation, &desk, &project).await?;
        let files = export::export(&site, directory.as_std_path()).await?;
        let (actor, about) = (desk::actor(), (Some(project.id), None));
        let details = json!({ "directory": directory });
        audit::note(&desk, &actor, about, "project.export", details).await?;
        Ok(files)
    })?;
    let exported = Exported {
        directory: directory.to_string(),
        files,
    };
    let message = format!("{} is exported into {directory}", args.slug);
    invocation.printer.done(&message, &exported)
}

/// What an export wrote.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    directory: String,
    files: Vec<std::path::PathBuf>,
}

//! `eklavya project export`

use camino::Utf8PathBuf;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::stage::run_factory;
use eklavya_engine::stages::delivery::export;
use eklavya_services::{audit, projects};
use serde_json::json;

/// Export all data of a project to a directory: records, repository, delivery
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya project export shop --directory ./shop-export")]
pub struct ProjectExportArgs {
    /// The project
    slug: String,

    /// Directory to write to; it must be empty or not exist (default: `SLUG-export`)
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectExportArgs) -> Result<(), CommandError> {
    let directory = match &args.directory {
        Some(directory) => invocation.working_directory.join(directory),
        None => invocation
            .working_directory
            .join(format!("{}-export", args.slug)),
    };
    let files = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let site = run_factory::open_site_without_sandbox(invocation, &data, &project).await?;
        let files = export::export_project(&site, directory.as_std_path()).await?;
        let (actor, about) = (data_store::current_actor(), (Some(project.id), None));
        let details = json!({ "directory": directory });
        audit::record(&data, &actor, about, "project.export", details).await?;
        Ok(files)
    })?;
    let exported = ProjectExportView {
        directory: directory.to_string(),
        files,
    };
    let message = format!("Exported {} to {directory}", args.slug);
    invocation.printer.done(&message, &exported)
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectExportView {
    directory: String,
    files: Vec<std::path::PathBuf>,
}

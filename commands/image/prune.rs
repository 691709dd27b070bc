//! `eklavya image prune`

use eklavya_sandbox::docker;

use super::view::ImageView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya image prune
  eklavya image prune --all    # including the images of this version";

/// Remove unused images that were built for agents
///
/// Keeps images that a container uses, and images that eklavya did not build.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImagePruneArgs {
    /// Also remove the images of this version
    #[arg(long)]
    all: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &ImagePruneArgs) -> Result<(), CommandError> {
    let removed = runtime::run_short(async {
        let engine = super::connect_engine(invocation).await?;
        Ok(docker::prune_images(&engine, args.all).await?)
    })?;
    let views: Vec<ImageView> = removed.into_iter().map(ImageView::from).collect();
    let message = match views.len() {
        0 => "No images to remove".to_owned(),
        1 => "Removed 1 image".to_owned(),
        count => format!("Removed {count} images"),
    };
    invocation.printer.done(&message, &views)
}

//! `eklavya image prune`

use eklavya_sandbox::docker;

use super::view::ImageView;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::runtime;

const EXAMPLES: &str = "\
Examples:
  eklavya image prune
  eklavya image prune --all    # those of this version as well";

/// Remove images that were built for agents and are not used any more
///
/// None is removed that a container is made of, and none that eklavya did not build.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImagePruneArgs {
    /// Remove those of this version as well
    #[arg(long)]
    all: bool,
}

/// Runs `eklavya image prune`.
pub fn exec(invocation: &CommandInvocation, args: &ImagePruneArgs) -> Result<(), CommandError> {
    let removed = runtime::run_short(async {
        let engine = super::connect_engine(invocation).await?;
        Ok(docker::prune_images(&engine, args.all).await?)
    })?;
    let views: Vec<ImageView> = removed.into_iter().map(ImageView::from).collect();
    let message = match views.len() {
        0 => "There is nothing to remove".to_owned(),
        1 => "Removed 1 image".to_owned(),
        count => format!("Removed {count} images"),
    };
    invocation.printer.done(&message, &views)
}

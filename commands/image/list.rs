//! `eklavya image list`

use eklavya_sandbox::docker;

use super::view::ImageView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya image list
  eklavya image list --output jsonl | jq -r 'select(.current) | .id'";

/// List the images built for agents, by this version of eklavya and by others
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct ImageListArgs {}

pub fn exec(invocation: &CommandInvocation, _: &ImageListArgs) -> Result<(), CommandError> {
    let images = runtime::run_short(async {
        let engine = super::connect_engine(invocation).await?;
        Ok(docker::list_images(&engine).await?)
    })?;
    let views: Vec<ImageView> = images.into_iter().map(ImageView::from).collect();
    let nothing = "No images. Build them: eklavya image build";
    invocation.printer.list(&views, nothing)
}

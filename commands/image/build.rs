//! `eklavya image build`

use eklavya_core::project::isolation::IsolationKind;
use eklavya_sandbox::SandboxUser;
use eklavya_sandbox::docker::{self, BASE_IMAGE, ImageVariant, PullPolicy};

use super::view::ImageView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, runtime};
use crate::stage::run_factory;

const EXAMPLES: &str = "\
Examples:
  eklavya image build
  eklavya image build --base node:22-bookworm    # agents also have Node.js";

/// Build the two images that agents run in: one with the programs of a base image, one with only git
///
/// The Docker engine at `docker.socket` builds the images; each version of eklavya needs its own. The
/// command then starts eklavya in both images, because a base image can be too old for it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ImageBuildArgs {
    /// Base image
    #[arg(long, value_name = "IMAGE", default_value = BASE_IMAGE)]
    base: String,

    /// Pull the base image even if it exists locally
    #[arg(long)]
    pull: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &ImageBuildArgs) -> Result<(), CommandError> {
    if args.base.is_empty() || args.base.starts_with('-') || args.base.contains(char::is_whitespace)
    {
        let message = format!("{:?} is not the name of an image", args.base);
        return Err(CommandError::usage(message)
            .with_hint("Use a name that docker pull accepts: --base debian:12"));
    }
    let built = runtime::run_short(build_images(invocation, args))?;
    let images: Vec<&str> = ImageVariant::ALL.map(ImageVariant::image).into();
    let message = format!("Built {} on {}", images.join(" and "), args.base);
    invocation.printer.done(&message, &built)
}

async fn build_images(
    invocation: &CommandInvocation,
    args: &ImageBuildArgs,
) -> Result<Vec<ImageView>, CommandError> {
    let engine = super::connect_engine(invocation).await?;
    let pull_policy = if args.pull {
        PullPolicy::Always
    } else {
        PullPolicy::Missing
    };
    for variant in ImageVariant::ALL {
        let print_line = |line: &str| invocation.printer.note(line);
        docker::build_image(&engine, variant, &args.base, pull_policy, print_line).await?;
    }
    let id = invocation.config()?.sandbox.uid_base;
    let user = SandboxUser { uid: id, gid: id };
    let sandbox = run_factory::open_sandbox(invocation, Some(IsolationKind::Docker), user).await?;
    sandbox.check_images(user).await?;
    let images = docker::list_images(&engine).await?.into_iter();
    Ok(images
        .filter(|image| image.is_current)
        .map(ImageView::from)
        .collect())
}

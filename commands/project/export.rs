//! `eklavya project export`

use camino::Utf8PathBuf;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

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
    work::unwired(invocation, &(&args.slug, &args.directory))
}

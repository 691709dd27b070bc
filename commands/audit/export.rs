//! `eklavya audit export`

use std::io::{self, BufWriter, Write};

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::domain::audit::Head;
use eklavya_services::audit::Part;
use eklavya_services::{Desk, audit, projects};

use crate::desk;
use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya audit export shop --to shop-audit.jsonl
  eklavya audit export shop | gzip > shop-audit.jsonl.gz
  eklavya audit verify --file shop-audit.jsonl";

/// Write a chain of the audit trail as JSON Lines that verify by themselves
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    #[arg(required_unless_present = "installation")]
    slug: Option<String>,

    /// What concerns no project
    #[arg(long, conflicts_with = "slug")]
    installation: bool,

    /// The file, which must not exist; stdout where it is not given
    #[arg(long, value_name = "FILE")]
    to: Option<Utf8PathBuf>,
}

/// Runs `eklavya audit export`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let slug = args.slug.as_deref();
    desk::with(invocation, async |desk| {
        let Some(file) = &args.to else {
            return write(&desk, slug, io::stdout().lock()).await.map(|_| ());
        };
        let path = invocation.working_directory.join(file);
        let mut new = begin(&path)?;
        let head = write(&desk, slug, &mut new).await?;
        finish(new, &path)?;
        let message = format!("{} rows are exported into {path}", head.position);
        let exported = Exported {
            file: path.to_string(),
            head,
        };
        invocation.printer.done(&message, &exported)
    })
}

/// What was exported.
#[derive(Debug, serde::Serialize)]
struct Exported {
    file: String,
    head: Head,
}

/// Writes the chain of the project `slug`, or the installation's.
async fn write(desk: &Desk, slug: Option<&str>, out: impl Write) -> Result<Head, CommandError> {
    let project = match slug {
        Some(slug) => Some(projects::find(desk, slug).await?),
        None => None,
    };
    let mut out = BufWriter::new(out);
    let head = audit::export(desk, project.as_ref(), |part: &Part| {
        output::json_line_to(&mut out, part).map_err(CommandError::from)
    })
    .await?;
    out.flush()?;
    Ok(head)
}

/// A file that is there whole or not at all.
fn begin(path: &Utf8Path) -> Result<tempfile::NamedTempFile, CommandError> {
    if path.exists() {
        let message = format!("{path} is there already");
        return Err(CommandError::usage(message).hint("Choose another file"));
    }
    let directory = path.parent().unwrap_or(Utf8Path::new("."));
    tempfile::NamedTempFile::new_in(directory).map_err(|error| unwritable(path, &error))
}

fn finish(file: tempfile::NamedTempFile, path: &Utf8Path) -> Result<(), CommandError> {
    file.as_file()
        .sync_all()
        .map_err(|error| unwritable(path, &error))?;
    let kept = file.persist_noclobber(path);
    kept.map(|_| ())
        .map_err(|error| unwritable(path, &error.error))
}

fn unwritable(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(Kind::Environment, format!("cannot write {path}: {error}"))
        .hint("Choose a place that you can write to")
}

//! `eklavya audit export`

use std::io::{self, BufWriter, Write};

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::audit::ChainHead;
use eklavya_services::audit::AuditExportPart;
use eklavya_services::{DataStore, audit, projects};

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya audit export shop --to shop-audit.jsonl
  eklavya audit export shop | gzip > shop-audit.jsonl.gz
  eklavya audit verify --file shop-audit.jsonl";

/// Export a chain of the audit trail as JSON Lines that can be verified on their own
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditExportArgs {
    /// The project
    #[arg(required_unless_present = "installation")]
    slug: Option<String>,

    /// Export the entries that belong to no project
    #[arg(long, conflicts_with = "slug")]
    installation: bool,

    /// File to write; it must not exist (default: stdout)
    #[arg(long, value_name = "FILE")]
    to: Option<Utf8PathBuf>,
}

pub fn exec(invocation: &CommandInvocation, args: &AuditExportArgs) -> Result<(), CommandError> {
    let slug = args.slug.as_deref();
    data_store::with_data_store(invocation, async |data| {
        let Some(file) = &args.to else {
            return write_chain(&data, slug, io::stdout().lock())
                .await
                .map(|_| ());
        };
        let path = invocation.working_directory.join(file);
        let mut new = create_temporary_file(&path)?;
        let head = write_chain(&data, slug, &mut new).await?;
        persist_file(new, &path)?;
        let message = format!("Exported {} rows to {path}", head.position);
        let exported = AuditExportView {
            file: path.to_string(),
            head,
        };
        invocation.printer.done(&message, &exported)
    })
}

#[derive(Debug, serde::Serialize)]
struct AuditExportView {
    file: String,
    head: ChainHead,
}

/// Writes the chain of the project `slug`, or that of the installation.
async fn write_chain(
    data: &DataStore,
    slug: Option<&str>,
    out: impl Write,
) -> Result<ChainHead, CommandError> {
    let project = match slug {
        Some(slug) => Some(projects::find(data, slug).await?),
        None => None,
    };
    let mut out = BufWriter::new(out);
    let head = audit::export(data, project.as_ref(), |part: &AuditExportPart| {
        output::json_line_to(&mut out, part).map_err(CommandError::from)
    })
    .await?;
    out.flush()?;
    Ok(head)
}

/// Returns a temporary file, so that `path` is written completely or not at all.
fn create_temporary_file(path: &Utf8Path) -> Result<tempfile::NamedTempFile, CommandError> {
    if path.exists() {
        let message = format!("{path} already exists");
        return Err(CommandError::usage(message).with_hint("Choose another file"));
    }
    let directory = path.parent().unwrap_or(Utf8Path::new("."));
    tempfile::NamedTempFile::new_in(directory).map_err(|error| unwritable_error(path, &error))
}

fn persist_file(file: tempfile::NamedTempFile, path: &Utf8Path) -> Result<(), CommandError> {
    file.as_file()
        .sync_all()
        .map_err(|error| unwritable_error(path, &error))?;
    file.persist_noclobber(path)
        .map(|_| ())
        .map_err(|error| unwritable_error(path, &error.error))
}

fn unwritable_error(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(
        CommandErrorKind::Environment,
        format!("cannot write {path}: {error}"),
    )
    .with_hint("Choose a location that you can write to")
}

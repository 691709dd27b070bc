//! `eklavya audit verify`

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::audit::ChainFault;
use eklavya_core::audit::export::ExportVerifier;
use eklavya_services::audit::{self, ChainVerification};
use eklavya_services::projects;
use serde::Serialize;

use super::INSTALLATION;
use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store};
use crate::output::TableRow;

/// Longest line that is read from an export, in bytes.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  eklavya audit verify
  eklavya audit verify shop --output json
  eklavya audit verify --file shop-audit.jsonl      # without a database";

/// Verify that no row of the audit trail was changed or removed
///
/// Prints the number of rows and the hash of the newest row of each chain (one for each project, one
/// for the installation). Exits with 1 if a chain is broken, and names its first broken row.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditVerifyArgs {
    /// Only verify the chain of this project
    slug: Option<String>,

    /// Verify every chain (the default)
    #[arg(long, conflicts_with_all = ["slug", "file"])]
    all: bool,

    /// Verify a file that `audit export` wrote; needs no data directory and no database
    #[arg(long, value_name = "FILE", conflicts_with = "slug")]
    file: Option<Utf8PathBuf>,
}

pub fn exec(invocation: &CommandInvocation, args: &AuditVerifyArgs) -> Result<(), CommandError> {
    let verdicts = match &args.file {
        Some(file) => vec![verify_file(&invocation.working_directory.join(file))?],
        None => data_store::with_data_store(invocation, async |data| {
            Ok(match &args.slug {
                Some(slug) => {
                    vec![audit::verify(&data, &projects::find(&data, slug).await?).await?]
                }
                None => audit::verify_all(&data).await?,
            })
        })?,
    };
    let lines: Vec<ChainVerdictView> = verdicts.into_iter().map(ChainVerdictView).collect();
    invocation.printer.list(&lines, "")?;
    print_verdicts(invocation, &lines)
}

fn print_verdicts(
    invocation: &CommandInvocation,
    lines: &[ChainVerdictView],
) -> Result<(), CommandError> {
    let rows: i64 = lines.iter().map(|line| line.0.rows).sum();
    let chains = match lines.len() {
        1 => "1 chain".to_owned(),
        many => format!("{many} chains"),
    };
    let broken: Vec<String> = lines
        .iter()
        .filter_map(ChainVerdictView::broken_row)
        .collect();
    if broken.is_empty() {
        invocation
            .printer
            .note(&format!("{rows} rows in {chains}: no changes found"));
        return Ok(());
    }
    let message = format!("the audit trail is broken: {}", broken.join("; "));
    Err(CommandError::new(CommandErrorKind::Failed, message))
}

fn verify_file(path: &Utf8Path) -> Result<ChainVerification, CommandError> {
    let unreadable = |error: std::io::Error| {
        CommandError::usage(format!("cannot read {path}: {error}"))
            .with_hint("Name a file that audit export wrote")
    };
    let invalid = |error: &dyn std::fmt::Display| {
        CommandError::usage(format!("{path} is not an exported audit trail: {error}"))
            .with_hint("Name a file that audit export wrote")
    };
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let first = read_line(&mut file)
        .map_err(unreadable)?
        .unwrap_or_default();
    let mut verifier = ExportVerifier::new(&first).map_err(|error| invalid(&error))?;
    while let Some(line) = read_line(&mut file).map_err(unreadable)? {
        verifier
            .verify_line(&line)
            .map_err(|error| invalid(&error))?;
    }
    let (header, rows) = (verifier.header().clone(), verifier.row_count());
    let ended = verifier.finish();
    Ok(ChainVerification {
        chain: header.chain,
        project: header.project.map(|project| project.slug),
        rows,
        hash: ended.as_ref().ok().map(|head| head.hash.to_string()),
        fault: ended.err(),
    })
}

/// Returns the next line, or `None` at the end of the file.
fn read_line(file: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| std::io::Error::other("it is not UTF-8 text"))
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct ChainVerdictView(ChainVerification);

impl ChainVerdictView {
    fn name(&self) -> &str {
        self.0.project.as_deref().unwrap_or(INSTALLATION)
    }

    fn broken_row(&self) -> Option<String> {
        let fault = self.0.fault.as_ref()?;
        Some(format!("{} at {}", self.name(), describe_fault(fault)))
    }
}

fn describe_fault(fault: &ChainFault) -> String {
    let id = fault.id.map(|id| format!(" (id {id})")).unwrap_or_default();
    format!("position {}{id}: {}", fault.position, fault.message)
}

impl TableRow for ChainVerdictView {
    const COLUMNS: &'static [&'static str] =
        &["chain", "rows", "verdict", "hash of the newest row"];

    fn cells(&self) -> Vec<String> {
        let verdict = match &self.0.fault {
            None => "ok".to_owned(),
            Some(fault) => format!("BROKEN at {}", describe_fault(fault)),
        };
        vec![
            self.name().to_owned(),
            self.0.rows.to_string(),
            verdict,
            self.0.hash.clone().unwrap_or_default(),
        ]
    }
}

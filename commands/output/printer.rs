//! The printer: results in the format of `--output` on stdout, and messages on stderr.

use std::io::{self, BufWriter, Write};

use eklavya_config::ProcessEnvironment;
use indicatif::MultiProgress;
use serde::Serialize;

use super::page::{OutputPage, PageStyle};
use super::{escape, json};
use crate::error::CommandError;
use crate::invocation::options::{GlobalOptions, OutputFormat};

/// A single result.
pub trait OutputView: Serialize {
    /// Renders the result as text.
    fn render(&self, page: &mut OutputPage);
}

/// One result of a list.
pub trait TableRow: Serialize {
    const COLUMNS: &'static [&'static str];

    /// Returns one text per column.
    fn cells(&self) -> Vec<String>;
}

/// Prints results to stdout and messages to stderr.
#[derive(Debug, Clone)]
pub struct OutputPrinter {
    format: OutputFormat,
    quiet: bool,
    style: PageStyle,
    bars: MultiProgress,
}

impl OutputPrinter {
    pub fn new(
        options: &GlobalOptions,
        environment: &ProcessEnvironment,
    ) -> Result<Self, CommandError> {
        // https://no-color.org: any non-empty value disables colours.
        let plain =
            environment.get("NO_COLOR")?.is_some() || environment.get("TERM")? == Some("dumb");
        Ok(Self {
            format: options.output,
            quiet: options.quiet,
            style: PageStyle::of_stdout(!plain),
            bars: MultiProgress::new(),
        })
    }

    pub fn format(&self) -> OutputFormat {
        self.format
    }

    pub fn view(&self, view: &impl OutputView) -> Result<(), CommandError> {
        stdout(|out| match self.format {
            OutputFormat::Table => {
                let mut page = OutputPage::new(self.style);
                view.render(&mut page);
                out.write_all(page.into_text().as_bytes())
            }
            OutputFormat::Json => json::pretty(out, view),
            OutputFormat::Jsonl => json::line(out, view),
        })
    }

    /// Prints a list of results. If it is empty, `nothing` is printed instead of a table.
    pub fn list<R: TableRow>(&self, rows: &[R], nothing: &str) -> Result<(), CommandError> {
        if rows.is_empty() && self.format == OutputFormat::Table {
            self.note(nothing);
            return Ok(());
        }
        stdout(|out| match self.format {
            OutputFormat::Table => {
                let mut page = OutputPage::new(self.style);
                page.table(R::COLUMNS, rows.iter().map(TableRow::cells));
                out.write_all(page.into_text().as_bytes())
            }
            OutputFormat::Json => json::pretty(out, &rows),
            OutputFormat::Jsonl => rows.iter().try_for_each(|row| json::line(out, row)),
        })
    }

    /// Prints `message` for people, or `result` as JSON.
    pub fn done(&self, message: &str, result: &impl Serialize) -> Result<(), CommandError> {
        match self.format {
            OutputFormat::Table => {
                self.note(message);
                Ok(())
            }
            OutputFormat::Json => stdout(|out| json::pretty(out, result)),
            OutputFormat::Jsonl => stdout(|out| json::line(out, result)),
        }
    }

    /// Prints a message to stderr, unless `--quiet`.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            self.write_message(&escape::escape_lines(message));
        }
    }

    /// Prints a warning to stderr, unless `--quiet`.
    pub fn warn(&self, message: &str) {
        if !self.quiet {
            self.write_message(&format!("warning: {}", escape::escape_lines(message)));
        }
    }

    /// Returns the progress bars; every other output to stderr must suspend them.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn write_message(&self, line: &str) {
        // If stderr is closed, messages are lost.
        let _ = self.bars.suspend(|| writeln!(io::stderr(), "{line}"));
    }
}

/// Prints `text` unchanged in every format: a generated script or manual page.
pub fn raw(text: &[u8]) -> Result<(), CommandError> {
    stdout(|out| out.write_all(text))
}

/// Prints lines of text, escaped.
pub fn lines(lines: &[String]) -> Result<(), CommandError> {
    stdout(|out| {
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{}", escape::escape_lines(line)))
    })
}

/// Prints one JSON document on one line.
pub fn json_line(value: &impl Serialize) -> Result<(), CommandError> {
    stdout(|out| json::line(out, value))
}

/// Prints JSON documents, each on one line.
pub fn json_lines(values: &[impl Serialize]) -> Result<(), CommandError> {
    stdout(|out| values.iter().try_for_each(|value| json::line(out, value)))
}

/// Writes one JSON document on one line to `out`.
pub fn json_line_to(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    json::line(out, value)
}

/// Prints one indented JSON document.
pub fn json_document(value: &impl Serialize) -> Result<(), CommandError> {
    stdout(|out| json::pretty(out, value))
}

/// Writes a result to stdout. If that fails, the buffer is discarded, so that dropping it does not
/// write again.
fn stdout(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), CommandError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    if written.is_err() {
        let _ = out.into_parts();
    }
    written.map_err(CommandError::from)
}

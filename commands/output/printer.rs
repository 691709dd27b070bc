//! The printer: one result in the form that `--output` asks for, and messages beside it.

use std::io::{self, BufWriter, Write};

use eklavya_config::ProcessEnvironment;
use indicatif::MultiProgress;
use serde::Serialize;

use super::page::{OutputPage, PageStyle};
use super::{escape, json};
use crate::error::CommandError;
use crate::options::{GlobalOptions, OutputFormat};

/// A result of a command.
pub trait OutputView: Serialize {
    /// Lays the result out for people.
    fn render(&self, page: &mut OutputPage);
}

/// One of several results.
pub trait TableRow: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Returns one text for each column.
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
    /// Returns the printer that `options` ask for.
    pub fn new(
        options: &GlobalOptions,
        environment: &ProcessEnvironment,
    ) -> Result<Self, CommandError> {
        // https://no-color.org: any value that is not empty.
        let plain =
            environment.get("NO_COLOR")?.is_some() || environment.get("TERM")? == Some("dumb");
        Ok(Self {
            format: options.output,
            quiet: options.quiet,
            style: PageStyle::of_stdout(!plain),
            bars: MultiProgress::new(),
        })
    }

    /// Returns the form of the results.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Prints one result.
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

    /// Prints several results; where there are none, people read `nothing` instead of a table.
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

    /// Tells people `message`, and programs the `result` of what was done.
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

    /// Says something on stderr, unless `--quiet`.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            self.write_message(&escape::escape_lines(message));
        }
    }

    /// Warns on stderr, unless `--quiet`.
    pub fn warn(&self, message: &str) {
        if !self.quiet {
            self.write_message(&format!("warning: {}", escape::escape_lines(message)));
        }
    }

    /// Returns the lines that are drawn at the foot of a terminal; whatever else goes to stderr
    /// must make them step aside.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Returns whether messages are wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn write_message(&self, line: &str) {
        // Where stderr is closed there is nobody to tell.
        let _ = self.bars.suspend(|| writeln!(io::stderr(), "{line}"));
    }
}

/// Prints `text` as it is, whatever the format: a script or a page of our own making.
pub fn raw(text: &[u8]) -> Result<(), CommandError> {
    stdout(|out| out.write_all(text))
}

/// Prints lines for people, as they come.
pub fn lines(lines: &[String]) -> Result<(), CommandError> {
    stdout(|out| {
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{}", escape::escape_lines(line)))
    })
}

/// Prints one JSON document of several, on one line, as it comes.
pub fn json_line(value: &impl Serialize) -> Result<(), CommandError> {
    stdout(|out| json::line(out, value))
}

/// Prints JSON documents, each on one line, as they come.
pub fn json_lines(values: &[impl Serialize]) -> Result<(), CommandError> {
    stdout(|out| values.iter().try_for_each(|value| json::line(out, value)))
}

/// Writes one JSON document of several, on one line, to where the results go.
pub fn json_line_to(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    json::line(out, value)
}

/// Prints one JSON document.
pub fn json_document(value: &impl Serialize) -> Result<(), CommandError> {
    stdout(|out| json::pretty(out, value))
}

/// Writes a result as a whole; where the reader went away, the rest of it is not tried again.
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

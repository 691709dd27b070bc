//! Logging to stderr, for debugging. Results and messages are printed separately.

use std::io::{self, Write};

use eklavya_core::redactor::Redactor;
use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::invocation::options::GlobalOptions;

/// Starts logging at the level of `-v` or `-q`, or else at `configured`, the value of `log.level`. Other
/// libraries log at `warn` at most, unless the level is `trace`.
pub fn start_logging(
    configured: &str,
    options: &GlobalOptions,
    bars: &MultiProgress,
    redactor: &Redactor,
) {
    let (bars, redactor) = (bars.clone(), redactor.clone());
    let level = match (options.quiet, options.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => configured.parse().unwrap_or(LevelFilter::WARN),
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let others = if level == LevelFilter::TRACE {
        LevelFilter::DEBUG
    } else {
        level.min(LevelFilter::WARN)
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || LogWriter {
            bars: bars.clone(),
            redactor: redactor.clone(),
        })
        .with_ansi(false);
    let filter = Targets::new()
        .with_target("eklavya", level)
        .with_default(others);
    // The logger is set once per process; a later call changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
}

/// Writes to stderr without secrets, and suspends the progress bars.
struct LogWriter {
    bars: MultiProgress,
    redactor: Redactor,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The layer writes whole lines, so none of them cuts a secret in two.
        let clean = self.redactor.redact_text(&String::from_utf8_lossy(line));
        self.bars
            .suspend(|| io::stderr().write_all(clean.as_bytes()))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

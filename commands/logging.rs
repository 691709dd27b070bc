//! Logging, to stderr: for people who look into a problem. Results and messages do not come this way.

use std::io::{self, Write};

use eklavya_core::redactor::Redactor;
use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::options::GlobalOptions;

/// Starts logging at `configured`, the value of `log.level`, or what `-v` and `-q` say. What other
/// libraries log is of interest only when everything is.
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
    // A second call changes nothing: the first one holds for the process.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
}

/// Writes to stderr, without secrets, while the lines at the foot of the terminal step aside.
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

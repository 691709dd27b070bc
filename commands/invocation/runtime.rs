//! The asynchronous runtime of a command.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::interrupts::{FOREGROUND, InterruptMessages, InterruptTokens};
use crate::output::OutputPrinter;

/// Runs a short piece of work: a look into the store or one change of it. One thread is enough,
/// and starting more would cost such a command more than its work.
pub fn run_short<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    build_runtime(Builder::new_current_thread())?.block_on(work)
}

/// Runs work that takes long. Ctrl-C stops it gracefully.
pub fn run_interruptible<T>(
    printer: &OutputPrinter,
    work: impl AsyncFnOnce(InterruptTokens) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    run_until_signal(printer, FOREGROUND, work)
}

/// Runs work until it ends or a signal stops it; prints a message of `words` at each signal.
pub fn run_until_signal<T>(
    printer: &OutputPrinter,
    words: InterruptMessages,
    work: impl AsyncFnOnce(InterruptTokens) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    build_runtime(Builder::new_multi_thread())?
        .block_on(async { work(InterruptTokens::listen(printer.clone(), words)?).await })
}

fn build_runtime(mut builder: Builder) -> Result<Runtime, CommandError> {
    builder.enable_all().build().map_err(|error| {
        let message = format!("cannot start the runtime: {error}");
        CommandError::new(CommandErrorKind::Environment, message)
    })
}

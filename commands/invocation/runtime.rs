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

/// Runs work that takes its time and that Ctrl-C stops in good order.
pub fn run_interruptible<T>(
    printer: &OutputPrinter,
    work: impl AsyncFnOnce(InterruptTokens) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    run_until_signal(printer, FOREGROUND, work)
}

/// Runs work that goes on until a signal ends it, at which `words` are said.
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

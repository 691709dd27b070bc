//! The asynchronous runtime of a command.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::error::{CommandError, Kind};
use crate::interrupts::{FOREGROUND, Interrupts, Words};
use crate::output::Printer;

/// Runs a short piece of work: a look into the store or one change of it. One thread is enough,
/// and starting more would cost such a command more than its work.
pub fn short<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    started(Builder::new_current_thread())?.block_on(work)
}

/// Runs work that takes its time and that Ctrl-C stops in good order.
pub fn long<T>(
    printer: &Printer,
    work: impl AsyncFnOnce(Interrupts) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    enduring(printer, FOREGROUND, work)
}

/// Runs work that goes on until a signal ends it, at which `words` are said.
pub fn enduring<T>(
    printer: &Printer,
    words: Words,
    work: impl AsyncFnOnce(Interrupts) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    started(Builder::new_multi_thread())?
        .block_on(async { work(Interrupts::listen(printer.clone(), words)?).await })
}

fn started(mut builder: Builder) -> Result<Runtime, CommandError> {
    builder.enable_all().build().map_err(|error| {
        let message = format!("cannot start the runtime: {error}");
        CommandError::new(Kind::Environment, message)
    })
}

//! The asynchronous runtime of a command.

use std::future::Future;

use crate::error::{CommandError, Kind};

/// Runs a short piece of work: a look into the store or one change of it. One thread is enough,
/// and starting more would cost such a command more than its work.
pub fn short<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::new(
                Kind::Environment,
                format!("cannot start the runtime: {error}"),
            )
        })?
        .block_on(work)
}

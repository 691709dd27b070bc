//! Writers that share only the database, like processes.

use std::future::Future;
use std::thread;

use crate::BenchError;

/// Runs `work` in a separate runtime.
pub fn block_on<T>(work: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// Runs `work` for each writer in a separate thread, and `meanwhile` at the same time.
pub fn run_writers<T: Send>(
    writers: usize,
    work: impl Fn(usize) -> Result<(), BenchError> + Sync,
    meanwhile: impl FnOnce() -> Result<T, BenchError> + Send,
) -> Result<T, BenchError> {
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || work(writer)))
            .collect();
        let result = meanwhile();
        for other in others {
            other.join().map_err(|_| "a writer panicked")??;
        }
        result
    })
}

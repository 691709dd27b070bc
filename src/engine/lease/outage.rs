//! Waiting for a database that went away.

use std::time::Duration;

use tokio::time::Instant;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::stop::StopReason;
use eklavya_core::backoff::Backoff;
use eklavya_services::DataStore;
use eklavya_store::StoreError;

/// The pauses between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one look may take: a server may take the question and never answer.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the database has been away without any work being done in between.
#[derive(Debug)]
pub(crate) struct StoreOutage {
    retry_timeout: Duration,
    since: Option<Instant>,
}

impl StoreOutage {
    /// Returns the state of a database that is there. It is waited for as long as `patience`.
    pub fn new(patience: Duration) -> Self {
        Self {
            retry_timeout: patience,
            since: None,
        }
    }

    /// Notes that work began again.
    pub fn mark_over(&mut self) {
        if self.since.take().is_some() {
            tracing::warn!("the database is back; the work goes on");
        }
    }

    /// Waits until the database answers again.
    ///
    /// # Errors
    /// `error`, which told that it is away, where it stays away for too long; that the work was
    /// stopped.
    pub async fn wait_until_back(
        &mut self,
        worker: &ProjectRun,
        error: EngineError,
    ) -> Result<(), EngineError> {
        if self.retry_timeout.is_zero() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(|| {
            let seconds = self.retry_timeout.as_secs();
            tracing::warn!("{error}; it is waited for up to {seconds} s, or until Ctrl-C");
            Instant::now()
        });
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while since.elapsed() < self.retry_timeout {
            let looked = async {
                backoff.wait().await;
                tokio::time::timeout(PING_TIMEOUT, ping_store(&worker.site.data)).await
            };
            tokio::select! {
                () = worker.stop.interrupt_requested() => {
                    let reason = worker.stop.reason().unwrap_or(StopReason::Interrupted);
                    return Err(EngineError::Stopped(reason));
                }
                looked = looked => match looked {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) if !error.is_unavailable() => return Err(error.into()),
                    Ok(Err(_)) | Err(_) => {}
                },
            }
        }
        Err(error)
    }
}

async fn ping_store(data: &DataStore) -> Result<(), StoreError> {
    let mut tx = data.begin_read().await?;
    eklavya_store::leases::read_clock(&mut tx, data.now())
        .await
        .map(|_| ())
}

//! Waiting while the database is away.

use std::time::Duration;

use tokio::time::Instant;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::stop::StopReason;
use eklavya_core::backoff::Backoff;
use eklavya_services::DataStore;
use eklavya_store::StoreError;

/// The pauses between two pings.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The limit of one ping: a server may accept the query and never answer.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the database has been away without any work in between.
#[derive(Debug)]
pub(crate) struct StoreOutage {
    retry_timeout: Duration,
    since: Option<Instant>,
}

impl StoreOutage {
    /// Returns the state of an available database. An outage may last for `retry_timeout`.
    pub(crate) fn new(retry_timeout: Duration) -> Self {
        Self {
            retry_timeout,
            since: None,
        }
    }

    /// Ends the outage, because work started again.
    pub(crate) fn mark_over(&mut self) {
        if self.since.take().is_some() {
            tracing::warn!("the database is back; the work resumes");
        }
    }

    /// Waits until the database answers again.
    ///
    /// # Errors
    /// `error`, the one that reported the outage, if the outage lasts too long; or that the work was
    /// stopped.
    pub(crate) async fn wait_until_back(
        &mut self,
        run: &ProjectRun,
        error: EngineError,
    ) -> Result<(), EngineError> {
        if self.retry_timeout.is_zero() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(|| {
            let seconds = self.retry_timeout.as_secs();
            tracing::warn!("{error}; waiting for it up to {seconds} s, or until Ctrl-C");
            Instant::now()
        });
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while since.elapsed() < self.retry_timeout {
            let answers = async {
                backoff.wait().await;
                store_answers(&run.site.data).await
            };
            tokio::select! {
                () = run.stop.interrupt_requested() => {
                    let reason = run.stop.reason().unwrap_or(StopReason::Interrupted);
                    return Err(EngineError::Stopped(reason));
                }
                answers = answers => if answers? {
                    return Ok(());
                },
            }
        }
        Err(error)
    }
}

/// Returns whether the database answers.
///
/// # Errors
/// The database answered with an error other than the outage.
async fn store_answers(data: &DataStore) -> Result<bool, EngineError> {
    match tokio::time::timeout(PING_TIMEOUT, ping_store(data)).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if !error.is_unavailable() => Err(error.into()),
        Ok(Err(_)) | Err(_) => Ok(false),
    }
}

async fn ping_store(data: &DataStore) -> Result<(), StoreError> {
    let mut tx = data.begin_read().await?;
    eklavya_store::leases::read_clock(&mut tx, data.now())
        .await
        .map(|_| ())
}

//! Waiting for a database that went away.

use std::time::Duration;

use tokio::time::Instant;

use super::error::WorkflowError;
use super::stop::StopReason;
use super::worker::Worker;
use eklavya_services::Desk;
use eklavya_store::StoreError;

/// The first pause between two looks; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// How long one look may take: a server may take the question and never answer.
const LOOK: Duration = Duration::from_secs(10);

/// How long the database has been away without any work being done in between.
#[derive(Debug)]
pub(super) struct Outage {
    patience: Duration,
    since: Option<Instant>,
}

impl Outage {
    /// Returns the state of a database that is there. It is waited for as long as `patience`.
    pub fn none(patience: Duration) -> Self {
        Self {
            patience,
            since: None,
        }
    }

    /// Notes that work began again.
    pub fn over(&mut self) {
        if self.since.take().is_some() {
            tracing::warn!("the database is back; the work goes on");
        }
    }

    /// Waits until the database answers again.
    ///
    /// # Errors
    /// `error`, which told that it is away, where it stays away for too long; that the work was
    /// stopped.
    pub async fn wait_out(
        &mut self,
        worker: &Worker,
        error: WorkflowError,
    ) -> Result<(), WorkflowError> {
        if self.patience.is_zero() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(|| {
            let seconds = self.patience.as_secs();
            tracing::warn!("{error}; it is waited for up to {seconds} s, or until Ctrl-C");
            Instant::now()
        });
        let mut pause = FIRST;
        while since.elapsed() < self.patience {
            let looked = async {
                tokio::time::sleep(pause).await;
                tokio::time::timeout(LOOK, answers(&worker.site.desk)).await
            };
            tokio::select! {
                () = worker.stop.soft_requested() => {
                    let reason = worker.stop.reason().unwrap_or(StopReason::Interrupted);
                    return Err(WorkflowError::Stopped(reason));
                }
                looked = looked => match looked {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) if !error.is_away() => return Err(error.into()),
                    Ok(Err(_)) | Err(_) => {}
                },
            }
            pause = (pause * 2).min(LONGEST);
        }
        Err(error)
    }
}

async fn answers(desk: &Desk) -> Result<(), StoreError> {
    let mut tx = desk.read().await?;
    eklavya_store::leases::now(&mut tx, desk.now())
        .await
        .map(|_| ())
}

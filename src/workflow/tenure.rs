//! Holding a project while working on it: one worker at a time, and a dead one is replaced.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::error::WorkflowError;
use super::recovery;
use super::stop::StopReason;
use super::worker::Worker;
use crate::domain::project::ProjectState;
use crate::services::{leases, projects};

/// How often the worker renews its lease and looks whether it is still wanted. It is also the time
/// after which a pause takes hold.
const ROUND: Duration = Duration::from_secs(2);

/// Does `work` while holding the project's lease, after what a dead worker left was put in order.
///
/// # Errors
/// [`crate::services::ServiceError::Leased`] where another process works on the project.
pub async fn hold<T, F>(
    worker: Arc<Worker>,
    work: impl FnOnce(Arc<Worker>) -> F,
) -> Result<T, WorkflowError>
where
    F: Future<Output = Result<T, WorkflowError>>,
{
    leases::acquire(&worker.site.desk, worker.site.project(), &worker.identity).await?;
    let keeper = tokio::spawn(keep(Arc::clone(&worker)));
    let done = async {
        recovery::recover(&worker).await?;
        work(Arc::clone(&worker)).await
    }
    .await;
    keeper.abort();
    leases::release(&worker.site.desk, worker.site.project(), &worker.identity).await?;
    done
}

async fn keep(worker: Arc<Worker>) {
    loop {
        tokio::time::sleep(ROUND).await;
        match leases::renew(&worker.site.desk, worker.site.project(), &worker.identity).await {
            Ok(true) => {}
            Ok(false) => return worker.stop.hard(StopReason::LeaseLost),
            Err(error) => tracing::warn!("the lease could not be renewed: {error}"),
        }
        match projects::reload(&worker.site.desk, worker.site.project()).await {
            Ok(project) => match project.state {
                ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                    worker.stop.softly(StopReason::Paused);
                }
                ProjectState::Active { .. } | ProjectState::Delivered { .. } => {}
            },
            Err(error) => tracing::warn!("the project could not be read: {error}"),
        }
    }
}

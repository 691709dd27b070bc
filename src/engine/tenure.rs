//! Holding a project while working on it: one worker at a time, a dead one is replaced, and what one
//! that was replaced still does counts for nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::error::WorkflowError;
use super::grip::Grip;
use super::outage::Outage;
use super::recovery;
use super::stop::StopReason;
use super::worker::{Patience, Watched, Worker};
use eklavya_core::domain::lease::{Tenure, round_of};
use eklavya_core::domain::project::ProjectState;
use eklavya_services::leases::Attempt;
use eklavya_services::{ServiceError, leases, projects};
use eklavya_store::StoreError;

/// How often a contender looks at the lease that it waits for.
const LOOK: Duration = Duration::from_millis(300);
/// How long work that was stopped because nothing can be written any more may take to come to rest.
const REST: Duration = Duration::from_secs(5);

/// Does `work` while holding the project's lease, after what earlier tenures left was put in order.
///
/// Where the database goes away meanwhile, the work is put down, and once the database is back it is
/// begun again in a new tenure: `work` goes on from what it finds written down.
///
/// # Errors
/// [`ServiceError::Leased`] where another worker holds the project, unless the worker waits for it;
/// [`StoreError::LeaseLost`] where another worker took the project over.
pub async fn hold<T, F>(
    worker: Arc<Worker>,
    work: impl Fn(Arc<Worker>) -> F,
) -> Result<T, WorkflowError>
where
    F: Future<Output = Result<T, WorkflowError>>,
{
    let mut outage = Outage::none(worker.site.config.store_patience);
    loop {
        if let Some(done) = serve(&worker, &work, &mut outage).await? {
            return Ok(done);
        }
    }
}

/// Serves one tenure; nothing where the database went away and is back.
async fn serve<T, F>(
    worker: &Arc<Worker>,
    work: &impl Fn(Arc<Worker>) -> F,
    outage: &mut Outage,
) -> Result<Option<T>, WorkflowError>
where
    F: Future<Output = Result<T, WorkflowError>>,
{
    let (tenure, grip) = match acquire(worker).await {
        Ok(taken) => taken,
        Err(error) if error.is_away() => {
            return outage.wait_out(worker, error).await.map(|()| None);
        }
        Err(error) => return Err(error),
    };
    outage.over();
    let done = match worker.in_tenure(&tenure, Arc::new(grip)).await {
        Ok(tenured) => {
            let tenured = Arc::new(tenured);
            let done = occupy(&tenured, work).await;
            if let Err(error) = &done
                && is_away(&tenured, error)
            {
                let away = WorkflowError::Stopped(StopReason::StoreAway);
                let error = done.err().filter(WorkflowError::is_away).unwrap_or(away);
                outage.wait_out(worker, error).await?;
                // What is known of what was done is written down before the tenure ends.
                tenured.close().await;
                return Ok(None);
            }
            tenured.close().await;
            done
        }
        Err(error) => Err(error),
    };
    leave(worker, &tenure, done).await.map(Some)
}

fn is_away(tenured: &Worker, error: &WorkflowError) -> bool {
    error.is_away() || tenured.stop.reason() == Some(StopReason::StoreAway)
}

/// Gives the lease back, and tells apart whether it was lost.
async fn leave<T>(
    worker: &Worker,
    tenure: &Tenure,
    done: Result<T, WorkflowError>,
) -> Result<T, WorkflowError> {
    match leases::release(&worker.site.desk, tenure).await {
        Ok(()) => done,
        // All that was done was written before.
        Err(error) if done.is_ok() => {
            tracing::warn!("the lease was not given back: {error}");
            done
        }
        Err(error) if error.is_lease_lost() => Err(error.into()),
        Err(error) => {
            tracing::warn!("the lease was not given back: {error}");
            done
        }
    }
}

/// Takes the lease, as soon as that is possible where the worker waits for it.
async fn acquire(worker: &Worker) -> Result<(Tenure, Grip), WorkflowError> {
    let term = worker.site.config.worker.lease;
    let Watched { since, mut watch } = worker.watched.clone().unwrap_or_else(Watched::from_now);
    loop {
        if let Some(reason) = worker.stop.reason() {
            return Err(WorkflowError::Stopped(reason));
        }
        let (desk, project) = (&worker.site.desk, worker.site.project());
        let (begun, at) = (Instant::now(), since.elapsed());
        let waits = worker.patience == Patience::Waiting;
        let attempt = leases::attempt(desk, project, &worker.identity, term, &mut watch, at);
        match attempt.await {
            Ok(Attempt::Taken(taken)) => return Ok((taken.tenure, Grip::new(term, begun))),
            Ok(Attempt::Held { holder, soon }) if !soon && !waits => {
                let project = project.slug.clone();
                let holder = Box::new(holder);
                return Err(ServiceError::Leased { project, holder }.into());
            }
            // A holder that froze in the middle of a write keeps others waiting for a while.
            Err(ServiceError::Store(StoreError::Busy(_))) if waits => {}
            Ok(Attempt::Held { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = worker.stop.soft_requested() => {}
        }
    }
}

/// Does the work of a tenure while its lease is renewed.
async fn occupy<T, F>(
    worker: &Arc<Worker>,
    work: &impl Fn(Arc<Worker>) -> F,
) -> Result<T, WorkflowError>
where
    F: Future<Output = Result<T, WorkflowError>>,
{
    // However the work ends, its lease is not kept any longer.
    let keeper = AbortOnDropHandle::new(tokio::spawn(keep(Arc::clone(worker))));
    let working = async {
        recovery::recover(worker).await?;
        worker.note_conditions().await?;
        work(Arc::clone(worker)).await
    };
    let done = tokio::select! {
        done = working => done,
        reason = abandoned(worker) => Err(WorkflowError::Stopped(reason)),
    };
    drop(keeper);
    done
}

/// Ends where the work must stop since nothing can be written any more, and does not.
async fn abandoned(worker: &Worker) -> StopReason {
    worker.stop.hard_requested().await;
    match worker.stop.reason() {
        Some(reason @ (StopReason::LeaseLost | StopReason::StoreAway)) => {
            tokio::time::sleep(REST).await;
            reason
        }
        Some(
            StopReason::Interrupted
            | StopReason::Paused
            | StopReason::Drained
            | StopReason::Cancelled,
        )
        | None => std::future::pending().await,
    }
}

/// Renews the lease, and looks whether the worker is still wanted: it is also after a round that a
/// pause takes hold.
async fn keep(worker: Arc<Worker>) {
    let (site, stop) = (&worker.site, &worker.stop);
    loop {
        tokio::time::sleep(round_of(site.config.worker.lease)).await;
        match site.renew().await {
            Ok(()) => {}
            Err(error) if error.is_lease_lost() => return stop.hard(StopReason::LeaseLost),
            Err(error) if error.is_away() => return stop.hard(StopReason::StoreAway),
            Err(error) => tracing::warn!("the lease could not be renewed: {error}"),
        }
        match projects::reload(&site.desk, site.project()).await {
            Ok(project) => match project.state {
                ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                    stop.softly(StopReason::Paused);
                }
                ProjectState::Active { .. } | ProjectState::Delivered { .. } => {}
            },
            Err(error) => tracing::warn!("the project could not be read: {error}"),
        }
    }
}

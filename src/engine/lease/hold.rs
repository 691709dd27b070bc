//! Holding a project while working on it: one worker at a time, a dead one is replaced, and what one
//! that was replaced still does counts for nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::outage::StoreOutage;
use super::recovery;
use crate::context::error::EngineError;
use crate::context::lease_deadline::LeaseDeadline;
use crate::context::project_run::{ObservedLease, OnLeased, ProjectRun};
use crate::context::stop::StopReason;
use eklavya_core::lease::{HeldLease, renewal_interval};
use eklavya_core::project::ProjectState;
use eklavya_services::leases::LeaseAttempt;
use eklavya_services::{ServiceError, leases, projects};
use eklavya_store::StoreError;

/// How often a contender looks at the lease that it waits for.
const LEASE_POLL_INTERVAL: Duration = Duration::from_millis(300);
/// How long work that was stopped because nothing can be written any more may take to come to rest.
const ABANDON_AFTER: Duration = Duration::from_secs(5);

/// Does `work` while holding the project's lease, after what earlier tenures left was put in order.
///
/// Where the database goes away meanwhile, the work is put down, and once the database is back it is
/// begun again in a new tenure: `work` goes on from what it finds written down.
///
/// # Errors
/// [`ServiceError::Leased`] where another worker holds the project, unless the worker waits for it;
/// [`StoreError::LeaseLost`] where another worker took the project over.
pub async fn with_lease<T, F>(
    worker: Arc<ProjectRun>,
    work: impl Fn(Arc<ProjectRun>) -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut outage = StoreOutage::new(worker.site.config.store_retry_timeout);
    loop {
        if let Some(done) = run_once(&worker, &work, &mut outage).await? {
            return Ok(done);
        }
    }
}

/// Serves one tenure; nothing where the database went away and is back.
async fn run_once<T, F>(
    worker: &Arc<ProjectRun>,
    work: &impl Fn(Arc<ProjectRun>) -> F,
    outage: &mut StoreOutage,
) -> Result<Option<T>, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let (tenure, grip) = match acquire_lease(worker).await {
        Ok(taken) => taken,
        Err(error) if error.is_away() => {
            return outage.wait_until_back(worker, error).await.map(|()| None);
        }
        Err(error) => return Err(error),
    };
    outage.mark_over();
    let done = match worker.under_lease(&tenure, Arc::new(grip)).await {
        Ok(tenured) => {
            let tenured = Arc::new(tenured);
            let done = run_renewing(&tenured, work).await;
            if let Err(error) = &done
                && is_store_unavailable(&tenured, error)
            {
                let away = EngineError::Stopped(StopReason::StoreUnavailable);
                let error = done.err().filter(EngineError::is_away).unwrap_or(away);
                outage.wait_until_back(worker, error).await?;
                // What is known of what was done is written down before the tenure ends.
                tenured.shut_down().await;
                return Ok(None);
            }
            tenured.shut_down().await;
            done
        }
        Err(error) => Err(error),
    };
    release(worker, &tenure, done).await.map(Some)
}

fn is_store_unavailable(tenured: &ProjectRun, error: &EngineError) -> bool {
    error.is_away() || tenured.stop.reason() == Some(StopReason::StoreUnavailable)
}

/// Gives the lease back, and tells apart whether it was lost.
async fn release<T>(
    worker: &ProjectRun,
    tenure: &HeldLease,
    done: Result<T, EngineError>,
) -> Result<T, EngineError> {
    match leases::release(&worker.site.data, tenure).await {
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
async fn acquire_lease(worker: &ProjectRun) -> Result<(HeldLease, LeaseDeadline), EngineError> {
    let term = worker.site.config.worker.lease_term;
    let ObservedLease {
        observed_since: since,
        mut watch,
    } = worker
        .observed_lease
        .clone()
        .unwrap_or_else(ObservedLease::starting_now);
    loop {
        if let Some(reason) = worker.stop.reason() {
            return Err(EngineError::Stopped(reason));
        }
        let (data, project) = (&worker.site.data, worker.site.project());
        let (begun, at) = (Instant::now(), since.elapsed());
        let waits = worker.on_leased == OnLeased::Wait;
        let attempt = leases::try_acquire(data, project, &worker.identity, term, &mut watch, at);
        match attempt.await {
            Ok(LeaseAttempt::Acquired(taken)) => {
                return Ok((taken.lease, LeaseDeadline::new(term, begun)));
            }
            Ok(LeaseAttempt::Held {
                holder,
                term_expired: soon,
            }) if !soon && !waits => {
                let project = project.slug.clone();
                let holder = Box::new(holder);
                return Err(ServiceError::Leased { project, holder }.into());
            }
            // A holder that froze in the middle of a write keeps others waiting for a while.
            Err(ServiceError::Store(StoreError::Busy(_))) if waits => {}
            Ok(LeaseAttempt::Held { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(LEASE_POLL_INTERVAL) => {}
            () = worker.stop.interrupt_requested() => {}
        }
    }
}

/// Does the work of a tenure while its lease is renewed.
async fn run_renewing<T, F>(
    worker: &Arc<ProjectRun>,
    work: &impl Fn(Arc<ProjectRun>) -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    // However the work ends, its lease is not kept any longer.
    let keeper = AbortOnDropHandle::new(tokio::spawn(renew_until_stopped(Arc::clone(worker))));
    let working = async {
        recovery::recover_project(worker).await?;
        worker.record_conditions().await?;
        work(Arc::clone(worker)).await
    };
    let done = tokio::select! {
        done = working => done,
        reason = wait_for_abandonment(worker) => Err(EngineError::Stopped(reason)),
    };
    drop(keeper);
    done
}

/// Ends where the work must stop since nothing can be written any more, and does not.
async fn wait_for_abandonment(worker: &ProjectRun) -> StopReason {
    worker.stop.kill_requested().await;
    match worker.stop.reason() {
        Some(reason @ (StopReason::LeaseLost | StopReason::StoreUnavailable)) => {
            tokio::time::sleep(ABANDON_AFTER).await;
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
async fn renew_until_stopped(worker: Arc<ProjectRun>) {
    let (site, stop) = (&worker.site, &worker.stop);
    loop {
        tokio::time::sleep(renewal_interval(site.config.worker.lease_term)).await;
        match site.renew_lease().await {
            Ok(()) => {}
            Err(error) if error.is_lease_lost() => return stop.kill(StopReason::LeaseLost),
            Err(error) if error.is_away() => return stop.kill(StopReason::StoreUnavailable),
            Err(error) => tracing::warn!("the lease could not be renewed: {error}"),
        }
        match projects::reload(&site.data, site.project()).await {
            Ok(project) => match project.state {
                ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                    stop.interrupt(StopReason::Paused);
                }
                ProjectState::Active { .. } | ProjectState::Delivered { .. } => {}
            },
            Err(error) => tracing::warn!("the project could not be read: {error}"),
        }
    }
}

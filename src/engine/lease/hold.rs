//! Working on a project under its lease: one worker at a time, a dead worker is replaced, and writes of
//! a replaced worker are refused.

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

/// How often a waiting run tries to acquire the lease.
const LEASE_POLL_INTERVAL: Duration = Duration::from_millis(300);
/// How long work may take to end after a kill because nothing can be written.
const ABANDON_AFTER: Duration = Duration::from_secs(5);

/// Does `work` under the project's lease, after it has recovered what earlier holders left unfinished.
///
/// If the database goes away meanwhile, the work stops. Once the database is back, `work` starts again
/// under a new lease and continues from what it finds in the database.
///
/// # Errors
/// [`ServiceError::Leased`] if another worker holds the project and the run does not wait for it;
/// [`StoreError::LeaseLost`] if another worker took over the project.
pub(crate) async fn with_lease<T, F>(
    run: Arc<ProjectRun>,
    work: impl Fn(Arc<ProjectRun>) -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut outage = StoreOutage::new(run.site.config.store_retry_timeout);
    loop {
        if let Some(done) = run_once(&run, &work, &mut outage).await? {
            return Ok(done);
        }
    }
}

/// Does the work under one lease. Returns `None` if the database went away and is back.
async fn run_once<T, F>(
    run: &Arc<ProjectRun>,
    work: &impl Fn(Arc<ProjectRun>) -> F,
    outage: &mut StoreOutage,
) -> Result<Option<T>, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let (lease, deadline) = match acquire_lease(run).await {
        Ok(acquired) => acquired,
        Err(error) if error.is_away() => {
            return outage.wait_until_back(run, error).await.map(|()| None);
        }
        Err(error) => return Err(error),
    };
    outage.mark_over();
    let leased = match run.under_lease(&lease, Arc::new(deadline)).await {
        Ok(leased) => Arc::new(leased),
        Err(error) => return release(run, &lease, Err(error)).await,
    };
    match run_renewing(&leased, work).await {
        Err(error) if is_store_unavailable(&leased, &error) => {
            outage.wait_until_back(run, outage_error(error)).await?;
            // The costs and notes of the stopped work are written before the next lease.
            leased.shut_down().await;
            Ok(None)
        }
        done => {
            leased.shut_down().await;
            release(run, &lease, done.map(Some)).await
        }
    }
}

/// Returns the error to report if the outage lasts too long: work that was stopped for an outage may
/// end with an error of another kind.
fn outage_error(error: EngineError) -> EngineError {
    if error.is_away() {
        error
    } else {
        EngineError::Stopped(StopReason::StoreUnavailable)
    }
}

fn is_store_unavailable(leased: &ProjectRun, error: &EngineError) -> bool {
    error.is_away() || leased.stop.reason() == Some(StopReason::StoreUnavailable)
}

/// Releases the lease. If the work failed because the lease was lost, returns that error.
async fn release<T>(
    run: &ProjectRun,
    lease: &HeldLease,
    done: Result<T, EngineError>,
) -> Result<T, EngineError> {
    match leases::release(&run.site.data, lease).await {
        Ok(()) => done,
        // The lease was held when the results were written.
        Err(error) if done.is_ok() => {
            tracing::warn!("cannot release the lease: {error}");
            done
        }
        Err(error) if error.is_lease_lost() => Err(error.into()),
        Err(error) => {
            tracing::warn!("cannot release the lease: {error}");
            done
        }
    }
}

/// Acquires the lease; waits until it is free if the run waits for it.
async fn acquire_lease(run: &ProjectRun) -> Result<(HeldLease, LeaseDeadline), EngineError> {
    let term = run.site.config.worker.lease_term;
    let observed = run.observed_lease.clone();
    let mut observed = observed.unwrap_or_else(ObservedLease::starting_now);
    loop {
        if let Some(reason) = run.stop.reason() {
            return Err(EngineError::Stopped(reason));
        }
        let requested_at = Instant::now();
        if let Some(lease) = try_acquire_lease(run, &mut observed).await? {
            return Ok((lease, LeaseDeadline::new(term, requested_at)));
        }
        tokio::select! {
            () = tokio::time::sleep(LEASE_POLL_INTERVAL) => {}
            () = run.stop.interrupt_requested() => {}
        }
    }
}

/// Returns `None` if the run should try again.
async fn try_acquire_lease(
    run: &ProjectRun,
    observed: &mut ObservedLease,
) -> Result<Option<HeldLease>, EngineError> {
    let (data, project) = (&run.site.data, run.site.project());
    let (term, elapsed) = (
        run.site.config.worker.lease_term,
        observed.observed_since.elapsed(),
    );
    let waits = run.on_leased == OnLeased::Wait;
    let watch = &mut observed.watch;
    match leases::try_acquire(data, project, &run.identity, term, watch, elapsed).await {
        Ok(LeaseAttempt::Acquired(acquired)) => Ok(Some(acquired.lease)),
        Ok(LeaseAttempt::Held {
            holder,
            term_expired,
        }) if !term_expired && !waits => {
            let project = project.slug.clone();
            let holder = Box::new(holder);
            Err(ServiceError::Leased { project, holder }.into())
        }
        Ok(LeaseAttempt::Held { .. }) => Ok(None),
        // A holder that freezes during a write keeps its database locks for a while.
        Err(ServiceError::Store(StoreError::Busy(_))) if waits => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Does the work while the lease is renewed.
async fn run_renewing<T, F>(
    run: &Arc<ProjectRun>,
    work: &impl Fn(Arc<ProjectRun>) -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    // The lease is renewed only while the work runs, even if this future is dropped.
    let renewal = AbortOnDropHandle::new(tokio::spawn(renew_until_stopped(Arc::clone(run))));
    let working = async {
        recovery::recover_project(run).await?;
        run.record_conditions().await?;
        work(Arc::clone(run)).await
    };
    let done = tokio::select! {
        done = working => done,
        reason = wait_for_abandonment(run) => Err(EngineError::Stopped(reason)),
    };
    drop(renewal);
    done
}

/// Completes if work that was killed because nothing can be written has not ended in time.
async fn wait_for_abandonment(run: &ProjectRun) -> StopReason {
    run.stop.kill_requested().await;
    match run.stop.reason() {
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

/// Renews the lease, and interrupts the work if the project was paused or archived meanwhile.
async fn renew_until_stopped(run: Arc<ProjectRun>) {
    let (site, stop) = (&run.site, &run.stop);
    loop {
        tokio::time::sleep(renewal_interval(site.config.worker.lease_term)).await;
        match site.renew_lease().await {
            Ok(()) => {}
            Err(error) if error.is_lease_lost() => return stop.kill(StopReason::LeaseLost),
            Err(error) if error.is_away() => return stop.kill(StopReason::StoreUnavailable),
            Err(error) => tracing::warn!("cannot renew the lease: {error}"),
        }
        match projects::reload(&site.data, site.project()).await {
            Ok(project) => match project.state {
                ProjectState::Paused { .. } | ProjectState::Archived { .. } => {
                    stop.interrupt(StopReason::Paused);
                }
                ProjectState::Active { .. } | ProjectState::Delivered { .. } => {}
            },
            Err(error) => tracing::warn!("cannot read the project: {error}"),
        }
    }
}

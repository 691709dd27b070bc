//! The product: jobs as workers claim them, each with its event and its row of the audit trail.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::job::{JobEvent, JobGoal};
use eklavya_services::projects::NewProject;
use eklavya_services::{DataStore, jobs, projects};
use eklavya_store::{DatabaseLocation, Store};

use crate::BenchError;
use crate::events::writers;

async fn open_data_store(location: &DatabaseLocation) -> Result<DataStore, BenchError> {
    let store = Store::open(location).await?;
    Ok(DataStore::new(store, Arc::new(SystemClock)))
}

/// Creates the database with this number of projects.
pub fn create(location: &DatabaseLocation, count: usize) -> Result<(), BenchError> {
    writers::block_on(async {
        Store::create(location).await?.close().await;
        let data = open_data_store(location).await?;
        for number in 0..count {
            let new = NewProject {
                name: format!("Coffee shop {number}"),
                slug: None,
                client: "Ada's Coffee".to_owned(),
                brief: b"# A coffee shop\n\nA page with a menu.\n".to_vec(),
                budget: None,
                rehearsal: None,
            };
            projects::create(&data, &AuditActor::System, new).await?;
        }
        data.flush().await;
        Ok(())
    })
}

/// Requests a job of every project, and returns how long `workers` workers took to claim them.
pub fn take_all(
    location: &DatabaseLocation,
    workers: usize,
    count: usize,
) -> Result<Duration, BenchError> {
    writers::block_on(async {
        let data = open_data_store(location).await?;
        for project in projects::list(&data).await? {
            jobs::enqueue(&data, &AuditActor::System, &project, JobGoal::Plan).await?;
        }
        data.flush().await;
        Ok(())
    })?;
    let start = Barrier::new(workers + 1);
    let begun = writers::run_writers(
        workers,
        |worker| writers::block_on(take_jobs(location, worker, &start)),
        || {
            start.wait();
            Ok(Instant::now())
        },
    )?;
    let took = begun.elapsed();
    writers::block_on(end_all(location, count))?;
    Ok(took)
}

async fn take_jobs(
    location: &DatabaseLocation,
    worker: usize,
    start: &Barrier,
) -> Result<(), BenchError> {
    let data = open_data_store(location).await?;
    // Connect before the measurement starts, as the reference does.
    jobs::list_open(&data).await?;
    let (name, no_projects) = (format!("worker-{worker}"), BTreeSet::new());
    start.wait();
    while jobs::claim(&data, &name, &no_projects, |_| true)
        .await?
        .is_some()
    {}
    data.flush().await;
    Ok(())
}

/// Ends the jobs, so that they can be requested again.
async fn end_all(location: &DatabaseLocation, count: usize) -> Result<(), BenchError> {
    let data = open_data_store(location).await?;
    let open = jobs::list_open(&data).await?;
    let taken = open
        .iter()
        .filter(|job| job.state.worker().is_some())
        .count();
    if taken != count {
        return Err(format!("{taken} of {count} jobs were taken").into());
    }
    for job in open {
        jobs::end_attempt(&data, &job, &JobEvent::Finish).await?;
    }
    data.flush().await;
    Ok(())
}

//! Eklavya's side: jobs as workers take them, with the event and the line of the audit trail that
//! belong to each.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::job::{Goal, JobEvent};
use eklavya_services::projects::NewProject;
use eklavya_services::{Desk, jobs, projects};
use eklavya_store::{Location, Store};

use crate::Fault;
use crate::events::threads;

async fn desk(location: &Location) -> Result<Desk, Fault> {
    let store = Store::open(location).await?;
    Ok(Desk::new(store, Arc::new(SystemClock)))
}

/// Makes the database and so many projects.
pub fn create(location: &Location, count: usize) -> Result<(), Fault> {
    threads::run(async {
        Store::create(location).await?.close().await;
        let desk = desk(location).await?;
        for number in 0..count {
            let new = NewProject {
                name: format!("Coffee shop {number}"),
                slug: None,
                client: "Ada's Coffee".to_owned(),
                brief: b"# A coffee shop\n\nA page with a menu.\n".to_vec(),
                budget: None,
                rehearsal: None,
            };
            projects::create(&desk, &Actor::System, new).await?;
        }
        desk.settle().await;
        Ok(())
    })
}

/// Asks for a job of every project, and returns how long `workers` workers took to take them all.
pub fn take_all(location: &Location, workers: usize, count: usize) -> Result<Duration, Fault> {
    threads::run(async {
        let desk = desk(location).await?;
        for project in projects::list(&desk).await? {
            jobs::ask(&desk, &Actor::System, &project, Goal::Plan).await?;
        }
        desk.settle().await;
        Ok(())
    })?;
    let start = Barrier::new(workers + 1);
    let begun = threads::together(
        workers,
        |worker| threads::run(take(location, worker, &start)),
        || {
            start.wait();
            Ok(Instant::now())
        },
    )?;
    let took = begun.elapsed();
    threads::run(end_all(location, count))?;
    Ok(took)
}

async fn take(location: &Location, worker: usize, start: &Barrier) -> Result<(), Fault> {
    let desk = desk(location).await?;
    // The connection is there before it counts, as on the other side.
    jobs::open(&desk).await?;
    let (name, nobody) = (format!("worker-{worker}"), BTreeSet::new());
    start.wait();
    while jobs::claim(&desk, &name, &nobody, |_| true)
        .await?
        .is_some()
    {}
    desk.settle().await;
    Ok(())
}

/// Ends the jobs, so that they can be asked for again.
async fn end_all(location: &Location, count: usize) -> Result<(), Fault> {
    let desk = desk(location).await?;
    let open = jobs::open(&desk).await?;
    let taken = open
        .iter()
        .filter(|job| job.state.worker().is_some())
        .count();
    if taken != count {
        return Err(format!("{taken} of {count} jobs were taken").into());
    }
    for job in open {
        jobs::settle(&desk, &job, &JobEvent::Finish).await?;
    }
    desk.settle().await;
    Ok(())
}

//! The time from the start of a commit until a follower with its own connections has the event.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_services::event_log::EventReader;
use eklavya_store::DatabaseLocation;

use super::{product, writers};
use crate::BenchError;
use crate::results::latency::LatencySummary;
use crate::results::samples::DurationSamples;

const WRITERS: usize = 4;
/// The goals for the median and the 99th percentile, in seconds.
const GOAL: [f64; 2] = [0.005, 0.020];
/// The events of each writer per second: 500 in total.
const RATE: u32 = 125;
/// The events of each writer: ten seconds.
const EVENTS: usize = 1250;

type CommitStarts = Mutex<HashMap<String, Instant>>;

/// Measures the latency.
pub fn measure(location: &DatabaseLocation) -> Result<LatencySummary, BenchError> {
    let begun = CommitStarts::default();
    let seen = writers::run_writers(
        WRITERS,
        |writer| writers::block_on(write_events(location, writer, &begun)),
        || writers::block_on(read_events(location)),
    )?;
    let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut samples = DurationSamples::default();
    for (name, at) in seen {
        let from = begun.get(&name).ok_or("an event without a writer")?;
        samples.add(at.duration_since(*from));
    }
    Ok(LatencySummary::from_samples(
        "events",
        "PostgreSQL, 500 a second",
        &samples,
        GOAL,
    ))
}

async fn write_events(
    location: &DatabaseLocation,
    writer: usize,
    begun: &CommitStarts,
) -> Result<(), BenchError> {
    let data = product::open_data_store(location).await?;
    // The reader must be connected before the first event.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut beat = tokio::time::interval(Duration::from_secs(1) / RATE);
    for number in 0..EVENTS {
        beat.tick().await;
        let name = format!("{writer}.{number}");
        let mut change = data.begin(&AuditActor::System).await?;
        change.add_event(None, product::sample_event(name.clone()));
        let now = Instant::now();
        begun
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, now);
        change.commit().await?;
    }
    data.flush().await;
    Ok(())
}

async fn read_events(location: &DatabaseLocation) -> Result<Vec<(String, Instant)>, BenchError> {
    let data = product::open_data_store(location).await?;
    let mut follower = EventReader::since(&data, 0);
    let mut seen = Vec::with_capacity(WRITERS * EVENTS);
    while seen.len() < WRITERS * EVENTS {
        let found = follower.next().await?;
        let now = Instant::now();
        for stored in found {
            if let Event::Notification { title, .. } = stored.event {
                seen.push((title, now));
            }
        }
    }
    Ok(seen)
}

//! How long it takes from the moment in which a writer asks for its commit to the one in which a
//! follower with connections of its own has the event.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::event::Event;
use eklavya_services::news::Follower;
use eklavya_store::Location;

use super::{product, threads};
use crate::Fault;
use crate::latency::Latency;
use crate::samples::Samples;

const WRITERS: usize = 4;
/// The longest that half of all should take, and that 99 of 100 should, in seconds.
const GOAL: [f64; 2] = [0.005, 0.020];
/// Each writer's events a second: 500 all together.
const RATE: u32 = 125;
/// Events of each writer: ten seconds.
const EVENTS: usize = 1250;

type Begun = Mutex<HashMap<String, Instant>>;

/// Measures it.
pub fn measure(location: &Location) -> Result<Latency, Fault> {
    let begun = Begun::default();
    let seen = threads::together(
        WRITERS,
        |writer| threads::run(write(location, writer, &begun)),
        || threads::run(read(location)),
    )?;
    let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut samples = Samples::default();
    for (name, at) in seen {
        let from = begun.get(&name).ok_or("an event that nobody wrote")?;
        samples.add(at.duration_since(*from));
    }
    Ok(Latency::of(
        "events",
        "PostgreSQL, 500 a second",
        &samples,
        GOAL,
    ))
}

async fn write(location: &Location, writer: usize, begun: &Begun) -> Result<(), Fault> {
    let desk = product::desk(location).await?;
    // Who reads has to be there before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut beat = tokio::time::interval(Duration::from_secs(1) / RATE);
    for number in 0..EVENTS {
        beat.tick().await;
        let name = format!("{writer}.{number}");
        let mut change = desk.change(&Actor::System).await?;
        change.event(None, product::event(name.clone()));
        let now = Instant::now();
        begun
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, now);
        change.commit().await?;
    }
    desk.settle().await;
    Ok(())
}

async fn read(location: &Location) -> Result<Vec<(String, Instant)>, Fault> {
    let desk = product::desk(location).await?;
    let mut follower = Follower::since(&desk, 0);
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

//! The event log beside the bare database: how many events are written and delivered, and how soon.

mod bare;
mod latency;
mod product;
pub mod threads;

use std::time::Duration;

use eklavya_store::{Location, Server, Store};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::Fault;
use crate::comparison::{Comparison, Goal};
use crate::latency::Latency;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::Report;

/// Half as many events a second as bare inserts is twice their time.
const GOAL: Goal = Goal::times(2.0);
/// Transactions in a round, each with one event.
const CHANGES: usize = 4000;
/// Rounds that are not counted: they bring programs and files into memory.
const WARM_UP: u32 = 1;

/// Measures both in turn, on both databases: whoever begins changes with every round.
pub fn measure(options: &Options) -> Result<Vec<Comparison>, Fault> {
    let place = crate::directory(options)?;
    let file = Location::File(place.path().join("eklavya.db"));
    create(&file)?;
    let server = Postgres::durable();
    let url = Url::parse(&server.url())?;
    let location = create_on(&url)?;
    let in_file = bare::Target::File(place.path().join("bare.db"));
    let on_server = bare::Target::Server(Box::new(url.as_str().parse::<PgConnectOptions>()?));
    Ok(vec![
        compare(options, "SQLite, 1 writer", 1, &file, &in_file)?,
        compare(options, "PostgreSQL, 1 writer", 1, &location, &on_server)?,
        compare(options, "PostgreSQL, 8 writers", 8, &location, &on_server)?,
    ])
}

fn create_on(url: &Url) -> Result<Location, Fault> {
    let location = Location::Server(Box::new(Server::new(url, None)?));
    create(&location)?;
    Ok(location)
}

fn create(location: &Location) -> Result<(), Fault> {
    threads::run(async {
        Store::create(location).await?.close().await;
        Ok(())
    })
}

fn compare(
    options: &Options,
    part: &'static str,
    writers: usize,
    location: &Location,
    target: &bare::Target,
) -> Result<Comparison, Fault> {
    let mut found = Comparison::new("events", Some(part), Some(GOAL));
    bare::create(target)?;
    for round in 1..=options.rounds + WARM_UP {
        for product in [round % 2 == 0, round % 2 != 0] {
            let took = if product {
                product::write_and_deliver(location, writers, CHANGES)?
            } else {
                bare::write(target, writers, CHANGES)?
            };
            tell(part, product, took);
            let side = if product {
                &mut found.subject
            } else {
                &mut found.reference
            };
            if round > WARM_UP {
                side.add(took);
            }
        }
    }
    Ok(found)
}

fn tell(part: &str, product: bool, took: Duration) {
    let who = if product { "eklavya" } else { "bare" };
    let count = u32::try_from(CHANGES).unwrap_or(u32::MAX);
    let rate = f64::from(count) / took.as_secs_f64();
    Report::progress(&format!("{part}: {who} {rate:.0} events a second"));
}

/// Measures how soon an event is delivered, on PostgreSQL.
pub fn measure_latency() -> Result<Latency, Fault> {
    let server = Postgres::durable();
    let location = create_on(&Url::parse(&server.url())?)?;
    Report::progress("measuring latencies at 500 events a second");
    latency::measure(&location)
}

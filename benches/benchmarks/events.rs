//! The event log, compared with the bare database: the rate of events and the latency of delivery.

mod bare;
mod latency;
mod product;
pub mod writers;

use std::time::Duration;

use eklavya_store::{DatabaseLocation, PostgresServer, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::BenchError;
use crate::options::BenchOptions;
use crate::results::comparison::{PerformanceGoal, TimingComparison};
use crate::results::latency::LatencySummary;
use crate::results::report::ReportWriter;

/// At least half the rate of bare inserts, that is at most twice their time.
const GOAL: PerformanceGoal = PerformanceGoal::times(2.0);
/// The transactions in a round, each with one event.
const CHANGES: usize = 4000;
/// Warm-up rounds, which load programs and files into memory.
const WARM_UP: u32 = 1;

/// Measures both sides alternately, on both databases. The side that starts changes with every
/// round.
pub fn measure(options: &BenchOptions) -> Result<Vec<TimingComparison>, BenchError> {
    let directory = crate::create_directory(options)?;
    let file = DatabaseLocation::File(directory.path().join("eklavya.db"));
    create(&file)?;
    let server = TestPostgres::durable();
    let url = Url::parse(&server.url())?;
    let location = create_on(&url)?;
    let in_file = bare::BareEventTable::File(directory.path().join("bare.db"));
    let on_server =
        bare::BareEventTable::Server(Box::new(url.as_str().parse::<PgConnectOptions>()?));
    Ok(vec![
        compare_on(options, "SQLite, 1 writer", 1, &file, &in_file)?,
        compare_on(options, "PostgreSQL, 1 writer", 1, &location, &on_server)?,
        compare_on(options, "PostgreSQL, 8 writers", 8, &location, &on_server)?,
    ])
}

fn create_on(url: &Url) -> Result<DatabaseLocation, BenchError> {
    let location = DatabaseLocation::Server(Box::new(PostgresServer::new(url, None)?));
    create(&location)?;
    Ok(location)
}

fn create(location: &DatabaseLocation) -> Result<(), BenchError> {
    writers::block_on(async {
        Store::create(location).await?.close().await;
        Ok(())
    })
}

fn compare_on(
    options: &BenchOptions,
    part: &'static str,
    writers: usize,
    location: &DatabaseLocation,
    target: &bare::BareEventTable,
) -> Result<TimingComparison, BenchError> {
    let mut found = TimingComparison::new("events", Some(part), Some(GOAL));
    bare::create(target)?;
    for round in 1..=options.rounds + WARM_UP {
        for product in [round % 2 == 0, round % 2 != 0] {
            let took = if product {
                product::write_and_deliver(location, writers, CHANGES)?
            } else {
                bare::write_rows(target, writers, CHANGES)?
            };
            report_round(part, product, took);
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

fn report_round(part: &str, product: bool, took: Duration) {
    let label = if product { "eklavya" } else { "bare" };
    let count = u32::try_from(CHANGES).unwrap_or(u32::MAX);
    let rate = f64::from(count) / took.as_secs_f64();
    ReportWriter::print_progress(&format!("{part}: {label} {rate:.0} events a second"));
}

/// Measures the latency of delivery on PostgreSQL.
pub fn measure_latency() -> Result<LatencySummary, BenchError> {
    let server = TestPostgres::durable();
    let location = create_on(&Url::parse(&server.url())?)?;
    ReportWriter::print_progress("measuring latencies at 500 events a second");
    latency::measure(&location)
}

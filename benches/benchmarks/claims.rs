//! The time in which eight workers claim jobs, compared with the bare database.

mod bare;
mod product;

use std::time::Duration;

use eklavya_store::{DatabaseLocation, PostgresServer};
use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::BenchError;
use crate::options::BenchOptions;
use crate::results::comparison::TimingComparison;
use crate::results::report::ReportWriter;

/// Workers that claim jobs at the same time.
const WORKERS: usize = 8;
/// The jobs in a round, each of another project.
const JOBS: usize = 400;
/// Warm-up rounds, which load programs and files into memory.
const WARM_UP: u32 = 1;

/// Measures both sides alternately, on both databases. The side that starts changes with every
/// round.
pub fn measure(options: &BenchOptions) -> Result<Vec<TimingComparison>, BenchError> {
    let directory = crate::create_directory(options)?;
    let file = DatabaseLocation::File(directory.path().join("eklavya.db"));
    let in_file = bare::BareJobTable::File(directory.path().join("bare.db"));
    let server = TestPostgres::durable();
    let url = Url::parse(&server.url())?;
    let location = DatabaseLocation::Server(Box::new(PostgresServer::new(&url, None)?));
    let on_server = bare::BareJobTable::Server(Box::new(url.as_str().parse::<PgConnectOptions>()?));
    Ok(vec![
        compare_on(options, "SQLite", &file, &in_file)?,
        compare_on(options, "PostgreSQL", &location, &on_server)?,
    ])
}

fn compare_on(
    options: &BenchOptions,
    part: &'static str,
    location: &DatabaseLocation,
    target: &bare::BareJobTable,
) -> Result<TimingComparison, BenchError> {
    let mut found = TimingComparison::new("claims", Some(part), None);
    ReportWriter::print_progress(&format!("{part}: making {JOBS} projects"));
    product::create(location, JOBS)?;
    bare::create(target, JOBS)?;
    for round in 1..=options.rounds + WARM_UP {
        for product in [round % 2 == 0, round % 2 != 0] {
            let (took, side) = if product {
                (
                    product::take_all(location, WORKERS, JOBS)?,
                    &mut found.subject,
                )
            } else {
                (bare::take_all(target, WORKERS, JOBS)?, &mut found.reference)
            };
            report_round(part, product, took);
            if round > WARM_UP {
                side.add(took);
            }
        }
    }
    Ok(found)
}

fn report_round(part: &str, product: bool, took: Duration) {
    let label = if product { "eklavya" } else { "bare" };
    let count = u32::try_from(JOBS).unwrap_or(u32::MAX);
    let rate = f64::from(count) / took.as_secs_f64();
    ReportWriter::print_progress(&format!("{part}: {label} {rate:.0} jobs a second"));
}

//! Taking jobs, beside the bare database: how many eight workers take.

mod bare;
mod product;

use std::time::Duration;

use eklavya_store::{Location, Server};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::Fault;
use crate::comparison::Comparison;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::report::Report;

/// Workers that take jobs at the same time.
const WORKERS: usize = 8;
/// Jobs in a round, each of another project.
const JOBS: usize = 400;
/// Rounds that are not counted: they bring programs and files into memory.
const WARM_UP: u32 = 1;

/// Measures both in turn, on both databases: whoever begins changes with every round.
pub fn measure(options: &Options) -> Result<Vec<Comparison>, Fault> {
    let place = crate::directory(options)?;
    let file = Location::File(place.path().join("eklavya.db"));
    let in_file = bare::Target::File(place.path().join("bare.db"));
    let server = Postgres::durable();
    let url = Url::parse(&server.url())?;
    let location = Location::Server(Box::new(Server::new(&url, None)?));
    let on_server = bare::Target::Server(Box::new(url.as_str().parse::<PgConnectOptions>()?));
    Ok(vec![
        compare(options, "SQLite", &file, &in_file)?,
        compare(options, "PostgreSQL", &location, &on_server)?,
    ])
}

fn compare(
    options: &Options,
    part: &'static str,
    location: &Location,
    target: &bare::Target,
) -> Result<Comparison, Fault> {
    let mut found = Comparison::new("claims", Some(part), None);
    Report::progress(&format!("{part}: making {JOBS} projects"));
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
            tell(part, product, took);
            if round > WARM_UP {
                side.add(took);
            }
        }
    }
    Ok(found)
}

fn tell(part: &str, product: bool, took: Duration) {
    let who = if product { "eklavya" } else { "bare" };
    let count = u32::try_from(JOBS).unwrap_or(u32::MAX);
    let rate = f64::from(count) / took.as_secs_f64();
    Report::progress(&format!("{part}: {who} {rate:.0} jobs a second"));
}

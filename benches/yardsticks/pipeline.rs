//! The whole way from a plan to a delivery, beside the same sessions and tests run bare.

mod bare;
pub mod conversations;
pub mod model;
mod product;
pub mod session;

use std::time::Duration;

use eklavya_claude::locate::ClaudeCli;

use crate::Fault;
use crate::comparison::{Comparison, Goal};
use crate::options::Options;
use crate::report::Report;
use conversations::Conversations;

const GOAL: Goal = Goal::times(1.10);

/// How long each stage took.
#[derive(Debug, Clone, Copy, Default)]
struct Stages {
    plan: Duration,
    demos: Duration,
    build: Duration,
    verify: Duration,
    deliver: Duration,
    whole: Duration,
}

impl Stages {
    const NAMES: [Option<&'static str>; 6] = [
        Some("plan"),
        Some("demos"),
        Some("build"),
        Some("verify"),
        Some("deliver"),
        None,
    ];

    fn in_order(&self) -> [Duration; 6] {
        [
            self.plan,
            self.demos,
            self.build,
            self.verify,
            self.deliver,
            self.whole,
        ]
    }
}

/// Measures both in turn: whoever begins changes with every round.
pub async fn measure(options: &Options, cli: &ClaudeCli) -> Result<Vec<Comparison>, Fault> {
    let conversations = Conversations::load(options.delay)?;
    let mut found = Stages::NAMES.map(|part| {
        let goal = part.is_none().then_some(GOAL);
        Comparison::new("pipeline", part, goal)
    });
    for round in 1..=options.rounds {
        let product_first = round % 2 == 1;
        for product in [product_first, !product_first] {
            let who = if product { "eklavya" } else { "bare" };
            let stages = if product {
                product::run(options, cli, &conversations).await?
            } else {
                bare::run(options, cli, &conversations).await?
            };
            let seconds = stages.whole.as_secs_f64();
            Report::progress(&format!(
                "round {round} of {}: {who} {seconds:.2} s",
                options.rounds
            ));
            for (comparison, duration) in found.iter_mut().zip(stages.in_order()) {
                let side = if product {
                    &mut comparison.subject
                } else {
                    &mut comparison.reference
                };
                side.add(duration);
            }
        }
    }
    Ok(found.into())
}

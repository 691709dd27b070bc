//! The pipeline from the plan to the delivery, compared with the same sessions and tests run bare.

mod bare;
pub mod model_endpoint;
mod product;
pub mod scripted_conversations;
pub mod session;

use std::time::Duration;

use eklavya_claude::cli::locate::ClaudeCli;

use crate::BenchError;
use crate::options::BenchOptions;
use crate::results::comparison::{PerformanceGoal, TimingComparison};
use crate::results::report::ReportWriter;
use scripted_conversations::ScriptedConversations;

const GOAL: PerformanceGoal = PerformanceGoal::times(1.10);

/// The duration of each stage.
#[derive(Debug, Clone, Copy, Default)]
struct StageTimes {
    plan: Duration,
    demos: Duration,
    build: Duration,
    verify: Duration,
    deliver: Duration,
    whole: Duration,
}

impl StageTimes {
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

/// Measures both sides alternately. The side that starts changes with every round.
pub async fn measure(
    options: &BenchOptions,
    cli: &ClaudeCli,
) -> Result<Vec<TimingComparison>, BenchError> {
    let conversations = ScriptedConversations::load(options.delay)?;
    let mut found = StageTimes::NAMES.map(|part| {
        let goal = part.is_none().then_some(GOAL);
        TimingComparison::new("pipeline", part, goal)
    });
    for round in 1..=options.rounds {
        let product_first = round % 2 == 1;
        for product in [product_first, !product_first] {
            let label = if product { "eklavya" } else { "bare" };
            let stages = if product {
                product::run(options, cli, &conversations).await?
            } else {
                bare::run(options, cli, &conversations).await?
            };
            let seconds = stages.whole.as_secs_f64();
            ReportWriter::print_progress(&format!(
                "round {round} of {}: {label} {seconds:.2} s",
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

//! Latencies and their goals.

use serde::Serialize;

use crate::results::samples::DurationSamples;

/// The report of latencies, in seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    /// The name of the benchmark, e.g. `events`.
    pub benchmark: &'static str,
    /// The conditions of the measurement.
    pub part: &'static str,
    /// The number of samples.
    pub count: usize,
    /// The median.
    pub p50_seconds: f64,
    /// The 99th percentile.
    pub p99_seconds: f64,
    /// The longest duration.
    pub max_seconds: f64,
    /// The goal for the median.
    pub goal_p50_seconds: f64,
    /// The goal for the 99th percentile.
    pub goal_p99_seconds: f64,
    /// Whether the goals are met.
    pub met: bool,
}

impl LatencySummary {
    /// Returns the report of samples; `goal` has the goals for the median and the 99th percentile,
    /// in seconds.
    pub fn from_samples(
        benchmark: &'static str,
        part: &'static str,
        samples: &DurationSamples,
        goal: [f64; 2],
    ) -> Self {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| samples.quantile(share));
        let [goal_p50, goal_p99] = goal;
        Self {
            benchmark,
            part,
            count: samples.count(),
            p50_seconds: p50,
            p99_seconds: p99,
            max_seconds: max,
            goal_p50_seconds: goal_p50,
            goal_p99_seconds: goal_p99,
            met: p50 < goal_p50 && p99 < goal_p99,
        }
    }
}

//! How soon something follows, and how soon it should.

use serde::Serialize;

use crate::results::samples::DurationSamples;

/// The report of latencies, in seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    /// What was measured, e.g. `events`.
    pub benchmark: &'static str,
    /// Under which conditions.
    pub part: &'static str,
    /// How many were measured.
    pub count: usize,
    /// Half were shorter.
    pub p50_seconds: f64,
    /// 99 of 100 were shorter.
    pub p99_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
    /// What is aimed at.
    pub goal_p50_seconds: f64,
    /// What is aimed at.
    pub goal_p99_seconds: f64,
    /// Whether that is reached.
    pub met: bool,
}

impl LatencySummary {
    /// Returns the report of samples; `goal` is the longest that half of all should take,
    /// and that 99 of 100 should, in seconds.
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

//! Durations of the same operation, measured several times.

use std::time::Duration;

use serde::Serialize;

/// Durations in seconds, in the order in which they were measured.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct DurationSamples(Vec<f64>);

/// The summary of samples, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SampleSummary {
    /// The median.
    #[serde(rename = "medianSeconds")]
    pub median: f64,
    /// The shortest duration, which other programs disturbed least.
    #[serde(rename = "minSeconds")]
    pub min: f64,
    /// The 90th percentile.
    #[serde(rename = "p90Seconds")]
    pub p90: f64,
    /// The longest duration.
    #[serde(rename = "maxSeconds")]
    pub max: f64,
}

impl DurationSamples {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64());
    }

    /// Returns the number of samples.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the duration in seconds that this share of the samples (0 to 1) does not exceed, or
    /// zero if there are no samples.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the number of samples is far below 2^52"
    )]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// Returns the summary; zeros if there are no samples.
    pub fn summary(&self) -> SampleSummary {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |rank: usize| sorted.get(rank).copied().unwrap_or_default();
        let last = sorted.len().saturating_sub(1);
        SampleSummary {
            median: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
            min: at(0),
            p90: at(last * 9 / 10),
            max: at(last),
        }
    }
}

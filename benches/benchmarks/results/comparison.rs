//! Comparisons of two sides that are measured alternately.

use serde::Serialize;

use crate::results::samples::{DurationSamples, SampleSummary};

/// The samples of a subject and its reference.
#[derive(Debug)]
pub struct TimingComparison {
    /// The name of the benchmark, e.g. `pipeline`.
    pub name: &'static str,
    /// A part of the benchmark, e.g. `plan`, or none for the whole.
    pub part: Option<&'static str>,
    /// The product.
    pub subject: DurationSamples,
    /// The reference.
    pub reference: DurationSamples,
    /// The goal, if there is one.
    pub goal: Option<PerformanceGoal>,
}

/// The goal of a comparison.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceGoal {
    /// The goal for the ratio of the medians, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The goal for the subject's median in seconds, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The goal for the difference of the medians in seconds, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<f64>,
}

impl PerformanceGoal {
    /// Returns the goal that the median is at most `ratio` times that of the reference.
    pub const fn times(ratio: f64) -> Self {
        Self {
            ratio: Some(ratio),
            seconds: None,
            added: None,
        }
    }
}

/// The report of a comparison.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonResult<'a> {
    /// As in [`TimingComparison`].
    pub benchmark: &'static str,
    /// As in [`TimingComparison`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// The product.
    pub eklavya: SampleSummary,
    /// The reference.
    pub reference: SampleSummary,
    /// The ratio of the medians, or none if the reference takes no time.
    pub ratio: Option<f64>,
    /// The ratio of the shortest durations, or none if the reference takes no time.
    pub ratio_of_minima: Option<f64>,
    /// The difference of the medians of the product and the reference, in seconds.
    pub overhead_seconds: f64,
    /// The goal, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<PerformanceGoal>,
    /// Whether the goal is met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// All durations of the product.
    pub eklavya_samples: &'a DurationSamples,
    /// All durations of the reference.
    pub reference_samples: &'a DurationSamples,
}

impl TimingComparison {
    /// Returns a comparison without samples.
    pub fn new(
        name: &'static str,
        part: Option<&'static str>,
        goal: Option<PerformanceGoal>,
    ) -> Self {
        let (subject, reference) = (DurationSamples::default(), DurationSamples::default());
        Self {
            name,
            part,
            subject,
            reference,
            goal,
        }
    }

    /// Returns the report.
    pub fn result(&self) -> ComparisonResult<'_> {
        let (eklavya, reference) = (self.subject.summary(), self.reference.summary());
        let ratio = self::ratio(eklavya.median, reference.median);
        let ratio_of_minima = self::ratio(eklavya.min, reference.min);
        let met = self.goal.map(|goal| {
            let added = eklavya.median - reference.median;
            goal.seconds.is_none_or(|most| eklavya.median <= most)
                && goal.added.is_none_or(|most| added <= most)
                && goal
                    .ratio
                    .is_none_or(|most| ratio.is_some_and(|ratio| ratio <= most))
        });
        ComparisonResult {
            benchmark: self.name,
            part: self.part,
            eklavya,
            reference,
            ratio,
            ratio_of_minima,
            overhead_seconds: eklavya.median - reference.median,
            goal: self.goal,
            met,
            eklavya_samples: &self.subject,
            reference_samples: &self.reference,
        }
    }
}

fn ratio(subject: f64, reference: f64) -> Option<f64> {
    (reference > 0.0).then(|| subject / reference)
}

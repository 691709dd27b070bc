//! Two things that were measured in turn, and what follows.

use serde::Serialize;

use crate::results::samples::{DurationSamples, SampleSummary};

/// A subject beside its reference.
#[derive(Debug)]
pub struct TimingComparison {
    /// What is compared, e.g. `pipeline`.
    pub name: &'static str,
    /// A part of it, e.g. `plan`; the whole where absent.
    pub part: Option<&'static str>,
    /// The product.
    pub subject: DurationSamples,
    /// What it is measured against.
    pub reference: DurationSamples,
    /// What is aimed at, where something is.
    pub goal: Option<PerformanceGoal>,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceGoal {
    /// The most that the ratio of the medians should be, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The most that the subject's median should be, in seconds, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The most by which the subject's median should be above the reference's, in seconds,
    /// likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<f64>,
}

impl PerformanceGoal {
    /// Returns the goal of being at most so many times the reference.
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
    /// As in [`Comparison`].
    pub benchmark: &'static str,
    /// As in [`Comparison`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// The product.
    pub eklavya: SampleSummary,
    /// What it is measured against.
    pub reference: SampleSummary,
    /// Of the medians; absent where the reference has nothing to do.
    pub ratio: Option<f64>,
    /// Of the shortest, likewise.
    pub ratio_of_minima: Option<f64>,
    /// The median of the product less that of the reference, in seconds.
    pub overhead_seconds: f64,
    /// What is aimed at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<PerformanceGoal>,
    /// Whether that is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// Every duration of the product.
    pub eklavya_samples: &'a DurationSamples,
    /// Every duration of the reference.
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

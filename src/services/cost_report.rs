//! What a project cost, by whom and for what.

use jiff::Timestamp;
use serde::Serialize;

use super::Desk;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::ledger::TokenUsage;
use eklavya_core::domain::money::MicroUsd;
use eklavya_store::ledger_report::{Grouping, Sum, sums};
use eklavya_store::{StoreError, Tx};

const SECONDS_PER_DAY: i64 = 86_400;

/// The sums of a project's ledger; amounts in micro-dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostReport {
    /// Everything.
    pub total: CostLine,
    /// By role.
    pub by_role: Vec<CostLine>,
    /// By task key.
    pub by_task: Vec<CostLine>,
    /// By agent id.
    pub by_agent: Vec<CostLine>,
    /// By model as it was requested.
    pub by_model: Vec<CostLine>,
    /// By day, UTC, like `2026-11-22`.
    pub by_day: Vec<CostLine>,
}

/// One group of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostLine {
    /// The group's name.
    pub name: String,
    /// Requests that were charged.
    pub requests: u64,
    /// What they cost.
    #[serde(rename = "spentMicroUsd")]
    pub spent: MicroUsd,
    /// How many of them were charged at their upper bound, because the answer was cut.
    pub upper_bounds: u64,
    /// How many were for a model that the price list does not know.
    pub unknown_models: u64,
    /// How many were answered by a rehearsal: that money was not really spent.
    pub rehearsals: u64,
    /// What they used.
    pub usage: TokenUsage,
}

impl From<Sum> for CostLine {
    fn from(sum: Sum) -> Self {
        Self {
            name: sum.key,
            requests: sum.requests,
            spent: sum.spent,
            upper_bounds: sum.upper_bounds,
            unknown_models: sum.unknown_models,
            rehearsals: sum.rehearsals,
            usage: sum.usage,
        }
    }
}

/// Returns what a project cost.
pub async fn report(desk: &Desk, project: ProjectId) -> Result<CostReport, StoreError> {
    let mut tx = desk.read().await?;
    let total = lines(&mut tx, project, Grouping::Total).await?.pop();
    let mut by_day = lines(&mut tx, project, Grouping::Day).await?;
    for line in &mut by_day {
        line.name = day(&line.name);
    }
    Ok(CostReport {
        total: total.unwrap_or_else(|| CostLine {
            name: "total".into(),
            ..CostLine::default()
        }),
        by_role: lines(&mut tx, project, Grouping::Role).await?,
        by_task: lines(&mut tx, project, Grouping::Task).await?,
        by_agent: lines(&mut tx, project, Grouping::Agent).await?,
        by_model: lines(&mut tx, project, Grouping::Model).await?,
        by_day,
    })
}

async fn lines(
    tx: &mut Tx,
    project: ProjectId,
    grouping: Grouping,
) -> Result<Vec<CostLine>, StoreError> {
    let sums = sums(tx, project, grouping).await?;
    Ok(sums.into_iter().map(CostLine::from).collect())
}

/// Returns a number of days since the Unix epoch as a date.
fn day(days: &str) -> String {
    days.parse::<i64>()
        .ok()
        .and_then(|days| Timestamp::from_second(days.saturating_mul(SECONDS_PER_DAY)).ok())
        .map_or_else(
            || days.to_owned(),
            |moment| moment.strftime("%Y-%m-%d").to_string(),
        )
}

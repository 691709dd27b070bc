//! The cost of a project by role, task, agent, model and day.

use jiff::Timestamp;
use serde::Serialize;

use crate::DataStore;
use eklavya_core::ids::ProjectId;
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;
use eklavya_store::ledger_report::{LedgerGrouping, LedgerSum, sum_settled};
use eklavya_store::{SqlTransaction, StoreError};

const SECONDS_PER_DAY: i64 = 86_400;

/// The sums of a project's ledger; amounts in micro-dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostReport {
    pub total: CostGroup,
    pub by_role: Vec<CostGroup>,
    pub by_task: Vec<CostGroup>,
    pub by_agent: Vec<CostGroup>,
    /// By requested model.
    pub by_model: Vec<CostGroup>,
    /// By day, UTC, for example `2026-11-22`.
    pub by_day: Vec<CostGroup>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostGroup {
    pub name: String,
    pub requests: u64,
    #[serde(rename = "spentMicroUsd")]
    pub spent: MicroUsd,
    /// How many of them were charged at their upper bound, because the answer was incomplete.
    pub upper_bounds: u64,
    /// How many used a model that the price list lacks.
    pub unknown_models: u64,
    /// How many were answered by a rehearsal, so that their money was not really spent.
    pub rehearsals: u64,
    pub usage: TokenUsage,
}

impl From<LedgerSum> for CostGroup {
    fn from(sum: LedgerSum) -> Self {
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

/// Returns the costs of a project.
pub async fn build_report(data: &DataStore, project: ProjectId) -> Result<CostReport, StoreError> {
    let mut tx = data.begin_read().await?;
    let total = read_groups(&mut tx, project, LedgerGrouping::Total)
        .await?
        .pop();
    let mut by_day = read_groups(&mut tx, project, LedgerGrouping::Day).await?;
    for line in &mut by_day {
        line.name = format_day(&line.name);
    }
    Ok(CostReport {
        total: total.unwrap_or_else(|| CostGroup {
            name: "total".into(),
            ..CostGroup::default()
        }),
        by_role: read_groups(&mut tx, project, LedgerGrouping::Role).await?,
        by_task: read_groups(&mut tx, project, LedgerGrouping::Task).await?,
        by_agent: read_groups(&mut tx, project, LedgerGrouping::Agent).await?,
        by_model: read_groups(&mut tx, project, LedgerGrouping::Model).await?,
        by_day,
    })
}

async fn read_groups(
    tx: &mut SqlTransaction,
    project: ProjectId,
    grouping: LedgerGrouping,
) -> Result<Vec<CostGroup>, StoreError> {
    let sums = sum_settled(tx, project, grouping).await?;
    Ok(sums.into_iter().map(CostGroup::from).collect())
}

/// Formats a number of days since the Unix epoch as a date.
fn format_day(days: &str) -> String {
    days.parse::<i64>()
        .ok()
        .and_then(|days| Timestamp::from_second(days.saturating_mul(SECONDS_PER_DAY)).ok())
        .map_or_else(
            || days.to_owned(),
            |moment| moment.strftime("%Y-%m-%d").to_string(),
        )
}

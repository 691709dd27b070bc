//! Evidence: record the results of checks.

use serde_json::json;

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::task::evidence::Evidence;
use eklavya_store::evidence;

/// Records the result for one criterion.
pub async fn record(data: &DataStore, found: &Evidence) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(found.agent)).await?;
    evidence::put(&mut tx.sql, found).await?;
    let details = json!({
        "criterion": found.criterion, "round": found.round, "commit": found.commit,
        "role": found.role, "command": found.command, "exit": found.exit, "passed": found.passed,
    });
    tx.add_audit(
        (Some(found.project), Some(found.agent)),
        "evidence.record",
        details,
    );
    tx.commit().await?;
    Ok(())
}

/// Returns the evidence of a project's last verification round, by criterion.
pub async fn of_round(
    data: &DataStore,
    project: ProjectId,
    round: u32,
) -> Result<Vec<Evidence>, ServiceError> {
    let mut tx = data.begin_read().await?;
    let all = evidence::of_project(&mut tx, project).await?;
    Ok(all
        .into_iter()
        .filter(|found| found.round == round)
        .collect())
}

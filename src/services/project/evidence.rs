//! Evidence: keep what a checker found, and tell what is still missing.

use serde_json::json;

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::task::evidence::Evidence;
use eklavya_store::evidence;

/// Keeps what a checker found about one criterion.
pub async fn record(data: &DataStore, found: &Evidence) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::Agent(found.agent)).await?;
    evidence::put(&mut change.sql, found).await?;
    let details = json!({
        "criterion": found.criterion, "round": found.round, "commit": found.commit,
        "role": found.role, "command": found.command, "exit": found.exit, "passed": found.passed,
    });
    change.add_audit(
        (Some(found.project), Some(found.agent)),
        "evidence.record",
        details,
    );
    change.commit().await?;
    Ok(())
}

/// Returns the evidence of a project's last round of verification, by criterion.
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

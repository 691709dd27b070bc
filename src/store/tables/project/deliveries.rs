//! The `deliveries` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};
use uuid::Uuid;

use crate::params;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::delivery::Delivery;

const TABLE: &str = "deliveries";

pub async fn insert(tx: &mut SqlTransaction, delivery: &Delivery) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO deliveries (id, project_id, commit_id, tag, bundle, bundle_sha256, \
        dossier_json, dossier_html, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = params![
        Uuid::new_v4(),
        delivery.project.0,
        delivery.commit.as_str(),
        &delivery.tag,
        &delivery.bundle,
        &delivery.bundle_sha256,
        &delivery.dossier_json,
        &delivery.dossier_html,
        delivery.created_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns the delivery of a project.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Option<Delivery>, StoreError> {
    const SQL: &str = "SELECT * FROM deliveries WHERE project_id = $1";
    tx.fetch_optional(SQL, params![project.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

fn read(record: &DatabaseRow) -> Result<Delivery, StoreError> {
    let row = record.reader(TABLE);
    Ok(Delivery {
        project: ProjectId(row.id("project_id")?),
        commit: row.parse("commit_id")?,
        tag: row.text("tag")?,
        bundle: row.text("bundle")?,
        bundle_sha256: row.text("bundle_sha256")?,
        dossier_json: row.text("dossier_json")?,
        dossier_html: row.text("dossier_html")?,
        created_at: row.timestamp("created_at")?,
    })
}

//! The `secrets` table: sealed secrets of projects.

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::ids::ProjectId;
use eklavya_core::secret::{SecretName, StoredSecret};

const TABLE: &str = "secrets";

/// Inserts a secret, or replaces the one of the same name. The caller holds
/// [`crate::AdvisoryLock::Secrets`].
pub async fn put(tx: &mut SqlTransaction, secret: &StoredSecret) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO secrets \
        (project_id, name, uses, key_id, sealed, version, set_by, set_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (project_id, name) DO UPDATE SET \
        uses = excluded.uses, key_id = excluded.key_id, sealed = excluded.sealed, \
        version = excluded.version, set_by = excluded.set_by, set_at = excluded.set_at";
    let values = params![
        secret.project.0,
        secret.name.as_str(),
        secret.uses.to_string(),
        &secret.key,
        secret.sealed.clone(),
        secret.version,
        &secret.set_by,
        secret.set_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Removes a secret. Returns whether it existed.
pub async fn remove(
    tx: &mut SqlTransaction,
    project: ProjectId,
    name: &SecretName,
) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM secrets WHERE project_id = $1 AND name = $2";
    Ok(tx.execute(SQL, params![project.0, name.as_str()]).await? == 1)
}

/// Returns a project's secrets by name.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<StoredSecret>, StoreError> {
    const SQL: &str = "SELECT * FROM secrets WHERE project_id = $1 ORDER BY name";
    let found = tx.fetch_all(SQL, params![project.0]).await?;
    found.iter().map(read).collect()
}

/// Returns the secrets of all projects.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<StoredSecret>, StoreError> {
    const SQL: &str = "SELECT * FROM secrets ORDER BY project_id, name";
    let found = tx.fetch_all(SQL, params![]).await?;
    found.iter().map(read).collect()
}

fn read(record: &DatabaseRow) -> Result<StoredSecret, StoreError> {
    let row = record.reader(TABLE);
    Ok(StoredSecret {
        project: ProjectId(row.id("project_id")?),
        name: row.parse("name")?,
        uses: row.parse("uses")?,
        key: row.text("key_id")?,
        sealed: row.bytes("sealed")?,
        version: row.int("version")?,
        set_by: row.text("set_by")?,
        set_at: row.timestamp("set_at")?,
    })
}

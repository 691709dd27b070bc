//! The `installation` table: one row with the id of this installation.

use uuid::Uuid;

use crate::params;
use crate::{SqlTransaction, Store, StoreError};

/// Returns the installation's id, which the first call creates.
pub async fn ensure_id(store: &Store) -> Result<Uuid, StoreError> {
    const NAME: &str = "INSERT INTO installation (singleton, id) VALUES (1, $1) ON CONFLICT (singleton) DO NOTHING";
    if let Some(id) = find_id(&mut store.begin_read().await?).await? {
        return Ok(id);
    }
    let new = Uuid::new_v4();
    let mut tx = store.begin_write().await?;
    tx.execute(NAME, params![new]).await?;
    // Another process may have created it first.
    let id = find_id(&mut tx).await?.unwrap_or(new);
    tx.commit().await?;
    Ok(id)
}

async fn find_id(tx: &mut SqlTransaction) -> Result<Option<Uuid>, StoreError> {
    const SQL: &str = "SELECT id FROM installation";
    let record = tx.fetch_optional(SQL, params![]).await?;
    record
        .map(|record| record.reader("installation").id("id"))
        .transpose()
}

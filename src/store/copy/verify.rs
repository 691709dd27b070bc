//! Compares two databases row by row.

use eklavya_core::hex;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::cell::CellValue;
use super::rows::{self, RowStream};
use super::table::TableSchema;
use super::{CopiedTable, CopyError};
use crate::{SqlTransaction, StoreError};

/// Reads a table on both sides in the order of its keys, and returns an error at the first row that
/// differs.
pub(super) async fn verify_table(
    source: &mut SqlTransaction,
    target: &mut SqlTransaction,
    table: &TableSchema,
) -> Result<CopiedTable, CopyError> {
    let (mut left, mut right) = (
        rows::stream_rows(source, table),
        rows::stream_rows(target, table),
    );
    let (mut count, mut digest) = (0, Sha256::new());
    loop {
        let (one, other) = (
            next_canonical_row(&mut left).await?,
            next_canonical_row(&mut right).await?,
        );
        match (one, other) {
            (None, None) => break,
            (Some(one), Some(other)) if one == other => digest.update(Sha256::digest(&one)),
            _ => {
                return Err(CopyError::RowMismatch {
                    table: table.name.clone(),
                    row: count + 1,
                });
            }
        }
        count += 1;
    }
    Ok(CopiedTable {
        name: table.name.clone(),
        rows: count,
        sha256: hex::encode(&digest.finalize()),
    })
}

async fn next_canonical_row(rows: &mut RowStream<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(row) = rows.next().await else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for cell in row?.into_iter().map(CellValue::portable) {
        cell.write_canonical(&mut bytes);
    }
    Ok(Some(bytes))
}

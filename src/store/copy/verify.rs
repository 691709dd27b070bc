//! Comparing two databases row by row.

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::cell::Cell;
use super::rows::{self, Rows};
use super::table::Table;
use super::{CopiedTable, CopyError};
use crate::{StoreError, Tx};

/// Reads a table on both sides in the order of its keys, and refuses the first row that is not the
/// same.
pub(super) async fn same(
    source: &mut Tx,
    target: &mut Tx,
    table: &Table,
) -> Result<CopiedTable, CopyError> {
    let (mut left, mut right) = (rows::read(source, table), rows::read(target, table));
    let (mut count, mut digest) = (0, Sha256::new());
    loop {
        let (one, other) = (next(&mut left).await?, next(&mut right).await?);
        match (one, other) {
            (None, None) => break,
            (Some(one), Some(other)) if one == other => digest.update(Sha256::digest(&one)),
            _ => {
                return Err(CopyError::Unequal {
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
        sha256: hexadecimal(&digest.finalize()),
    })
}

async fn next(rows: &mut Rows<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(row) = rows.next().await else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for cell in row?.into_iter().map(Cell::portable) {
        cell.write_canonical(&mut bytes);
    }
    Ok(Some(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

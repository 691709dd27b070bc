//! The audit trail: record actions that change no row, list, verify and export the trail.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{DataStore, ServiceError};
use eklavya_core::audit::export::{
    self as file, ExportHeader, ExportTrailer, ExportedProject, ExportedRow,
};
use eklavya_core::audit::verify::ChainRow;
use eklavya_core::audit::{AuditActor, ChainFault, ChainFaultKind, ChainHead, ChainVerifier};
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::project::Project;
use eklavya_store::audit::{self, AuditFilter, StoredAuditEntry, UnverifiedAuditEntry};
use eklavya_store::{SqlTransaction, StoreError, projects};

/// Entries per query.
const PAGE_ROWS: u32 = 1000;
/// Before the first entry.
const BEGINNING: (i64, i64) = (i64::MIN, i64::MIN);

/// Records an action in its own transaction, if it changes nothing else in the database.
pub async fn record(
    data: &DataStore,
    actor: &AuditActor,
    about: (Option<ProjectId>, Option<AgentId>),
    action: &str,
    details: Value,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(actor).await?;
    tx.add_audit(about, action, details);
    tx.commit().await?;
    Ok(())
}

/// Returns the entries that a filter selects, oldest first.
pub async fn list(
    data: &DataStore,
    filter: &AuditFilter,
) -> Result<Vec<StoredAuditEntry>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(audit::list(&mut tx, filter).await?)
}

/// Returns the id of the installation, which is the id of its own chain.
pub async fn installation_id(data: &DataStore) -> Result<Uuid, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(audit::installation_id(&mut tx).await?)
}

/// Returns whether the installation's own chain has entries.
pub async fn has_entries(data: &DataStore) -> Result<bool, ServiceError> {
    let mut tx = data.begin_read().await?;
    let own = audit::head_of_project(&mut tx, None).await?;
    Ok(own.is_some_and(|head| head.position > 0))
}

/// The result of verifying a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainVerification {
    pub chain: Uuid,
    /// The project of the chain; `None` for the installation's chain.
    pub project: Option<String>,
    pub rows: i64,
    /// The hash of the newest row, if the chain is valid.
    pub hash: Option<String>,
    /// The first fault.
    pub fault: Option<ChainFault>,
}

/// Verifies the chain of a project.
pub async fn verify(
    data: &DataStore,
    project: &Project,
) -> Result<ChainVerification, ServiceError> {
    let mut tx = data.begin_read().await?;
    let name = Some(project.slug.clone());
    Ok(verify_chain(&mut tx, project.id.0, name).await?)
}

/// Verifies every chain, the installation's first. This includes chains of which only the project
/// is left, and chains whose project is gone.
pub async fn verify_all(data: &DataStore) -> Result<Vec<ChainVerification>, ServiceError> {
    let mut tx = data.begin_read().await?;
    let all = projects::all(&mut tx).await?;
    let mut chains: BTreeSet<Uuid> = audit::list_chains(&mut tx).await?.into_iter().collect();
    let mut verdicts = Vec::new();
    // The nil id stands for the missing chain.
    let own = audit::head_of_project(&mut tx, None).await;
    let own = own.ok().flatten().map_or(Uuid::nil(), |head| head.chain);
    chains.remove(&own);
    verdicts.push(verify_chain(&mut tx, own, None).await?);
    for project in all {
        chains.remove(&project.id.0);
        verdicts.push(verify_chain(&mut tx, project.id.0, Some(project.slug)).await?);
    }
    for gone in chains {
        verdicts.push(verify_chain(&mut tx, gone, Some(gone.to_string())).await?);
    }
    Ok(verdicts)
}

async fn verify_chain(
    tx: &mut SqlTransaction,
    chain: Uuid,
    project: Option<String>,
) -> Result<ChainVerification, StoreError> {
    let (mut verifier, mut rows, mut after) = (ChainVerifier::new(chain), 0, BEGINNING);
    loop {
        let page = audit::read_page(tx, chain, after, PAGE_ROWS).await?;
        let Some(last) = page.last() else { break };
        after = (last.position, last.id);
        for line in &page {
            rows += 1;
            verify_entry(&mut verifier, chain, line);
        }
    }
    let ended = finish_chain(tx, chain, verifier, rows).await?;
    // Every project has at least the entry of its creation.
    let ended = match ended {
        Ok(head) if head.position == 0 && project.is_some() => Err(missing_chain_fault()),
        Err(fault) if rows == 0 && fault.kind == ChainFaultKind::Missing => {
            Err(missing_chain_fault())
        }
        ended => ended,
    };
    Ok(ChainVerification {
        chain,
        project,
        rows,
        hash: ended.as_ref().ok().map(|head| head.hash.to_string()),
        fault: ended.err(),
    })
}

/// Compares the chain with its stored head.
async fn finish_chain(
    tx: &mut SqlTransaction,
    chain: Uuid,
    verifier: ChainVerifier,
    rows: i64,
) -> Result<Result<ChainHead, ChainFault>, StoreError> {
    match audit::head_of_chain(tx, chain).await {
        Ok(head) => Ok(verifier.finish(head)),
        Err(damaged @ StoreError::Corrupt { .. }) => Ok(Err(ChainFault {
            position: rows,
            id: None,
            kind: ChainFaultKind::Head,
            message: damaged.to_string(),
        })),
        Err(error) => Err(error),
    }
}

fn missing_chain_fault() -> ChainFault {
    ChainFault {
        position: 1,
        id: None,
        kind: ChainFaultKind::Missing,
        message: "the chain is missing".to_owned(),
    }
}

fn verify_entry(verifier: &mut ChainVerifier, chain: Uuid, line: &UnverifiedAuditEntry) {
    if !verifier.is_sound() {
        return;
    }
    let canonical = match &line.content {
        Ok(content) => Ok(content.canonical(chain, line.position, &line.previous_hash)),
        Err(error) => Err(error.to_string()),
    };
    let found = ChainRow {
        id: line.id,
        position: line.position,
        previous: &line.previous_hash,
        hash: &line.hash,
    };
    let canonical = canonical.as_deref().map_err(String::as_str);
    verifier.verify_row(found, canonical);
}

/// One line of an export.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum AuditExportPart {
    Header(ExportHeader),
    Line(ExportedRow),
    Trailer(ExportTrailer),
}

/// Passes the chain of a project, or the installation's, to `write`, line by line, from one
/// snapshot of the database. Returns the newest row.
///
/// It exports invalid chains too.
pub async fn export<E: From<ServiceError>>(
    data: &DataStore,
    project: Option<&Project>,
    mut write: impl FnMut(&AuditExportPart) -> Result<(), E>,
) -> Result<ChainHead, E> {
    let mut tx = data.begin_read().await.map_err(ServiceError::from)?;
    let header = read_header(data, &mut tx, project).await?;
    let head = header.head;
    write(&AuditExportPart::Header(header))?;
    let mut after = BEGINNING;
    loop {
        let page = audit::read_page(&mut tx, head.chain, after, PAGE_ROWS).await;
        let page = page.map_err(ServiceError::from)?;
        let Some(last) = page.last() else { break };
        after = (last.position, last.id);
        for row in page {
            let line = export_line(head.chain, row).map_err(ServiceError::from)?;
            write(&AuditExportPart::Line(line))?;
        }
    }
    let (rows, hash) = (head.position, head.hash);
    write(&AuditExportPart::Trailer(ExportTrailer { rows, hash }))?;
    Ok(head)
}

async fn read_header(
    data: &DataStore,
    tx: &mut SqlTransaction,
    project: Option<&Project>,
) -> Result<ExportHeader, ServiceError> {
    let installation = audit::installation_id(tx).await?;
    let chain = project.map_or(installation, |project| project.id.0);
    let head = audit::head_of_chain(tx, chain).await?;
    Ok(ExportHeader {
        format: file::FORMAT.to_owned(),
        version: file::VERSION,
        chain,
        project: project.map(|project| ExportedProject {
            id: project.id,
            slug: project.slug.clone(),
            name: project.name.clone(),
        }),
        installation,
        head: head.unwrap_or_else(|| ChainHead::of_empty(chain)),
        exported_at: data.now(),
    })
}

fn export_line(chain: Uuid, row: UnverifiedAuditEntry) -> Result<ExportedRow, StoreError> {
    let canonical = row
        .content?
        .canonical(chain, row.position, &row.previous_hash);
    Ok(ExportedRow {
        id: row.id,
        position: row.position,
        previous_hash: row.previous_hash,
        hash: row.hash,
        canonical,
    })
}

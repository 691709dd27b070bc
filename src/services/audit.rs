//! The audit trail: note an action that changes no row, look at the trail, verify it, export it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Desk, ServiceError};
use eklavya_core::domain::audit::file::{self, Header, Line, Subject, Trailer};
use eklavya_core::domain::audit::verify::Found;
use eklavya_core::domain::audit::{Actor, Fault, FaultKind, Head, Verifier};
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_core::domain::project::Project;
use eklavya_store::audit::{self, Filter, FoundAudit, StoredAudit};
use eklavya_store::{StoreError, Tx, projects};

/// Lines that are read at a time.
const PAGE: u32 = 1000;
/// Before the first line.
const BEGINNING: (i64, i64) = (i64::MIN, i64::MIN);

/// Notes an action in a transaction of its own, for what changes nothing else in the database.
pub async fn note(
    desk: &Desk,
    actor: &Actor,
    about: (Option<ProjectId>, Option<AgentId>),
    action: &str,
    details: Value,
) -> Result<(), ServiceError> {
    let mut change = desk.change(actor).await?;
    change.audit(about, action, details);
    change.commit().await?;
    Ok(())
}

/// Returns the lines that a filter lets through, oldest first.
pub async fn list(desk: &Desk, filter: &Filter) -> Result<Vec<StoredAudit>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(audit::list(&mut tx, filter).await?)
}

/// Returns the id of the installation, which is the id of its own chain.
pub async fn installation(desk: &Desk) -> Result<Uuid, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(audit::installation(&mut tx).await?)
}

/// Whether anything was noted of the installation as a whole.
pub async fn has_begun(desk: &Desk) -> Result<bool, ServiceError> {
    let mut tx = desk.read().await?;
    let own = audit::head(&mut tx, None).await?;
    Ok(own.is_some_and(|head| head.position > 0))
}

/// What was found out about a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The chain.
    pub chain: Uuid,
    /// The project whose chain it is; nothing for the installation's.
    pub project: Option<String>,
    /// How many rows there are.
    pub rows: i64,
    /// The hash of the newest row, where nothing is wrong.
    pub hash: Option<String>,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// Verifies the chain of a project.
pub async fn verify(desk: &Desk, project: &Project) -> Result<Verdict, ServiceError> {
    let mut tx = desk.read().await?;
    let name = Some(project.slug.clone());
    Ok(verify_chain(&mut tx, project.id.0, name).await?)
}

/// Verifies every chain, the installation's first: also those of which nothing is left but the
/// project, and those of which the project is gone.
pub async fn verify_all(desk: &Desk) -> Result<Vec<Verdict>, ServiceError> {
    let mut tx = desk.read().await?;
    let all = projects::all(&mut tx).await?;
    let mut chains: BTreeSet<Uuid> = audit::chains(&mut tx).await?.into_iter().collect();
    let mut verdicts = Vec::new();
    // Nil is nobody's chain: it stands for the one that should be there.
    let own = audit::head(&mut tx, None).await;
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
    tx: &mut Tx,
    chain: Uuid,
    project: Option<String>,
) -> Result<Verdict, StoreError> {
    let (mut verifier, mut rows, mut after) = (Verifier::new(chain), 0, BEGINNING);
    loop {
        let page = audit::page(tx, chain, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.position, last.id);
        for line in &page {
            rows += 1;
            check(&mut verifier, chain, line);
        }
    }
    let ended = match audit::head_of(tx, chain).await {
        Ok(head) => verifier.finish(head),
        Err(damaged @ StoreError::Corrupt { .. }) => Err(Fault {
            position: rows,
            id: None,
            kind: FaultKind::Head,
            message: damaged.to_string(),
        }),
        Err(error) => return Err(error),
    };
    // What is noted of every project is at least that it was created.
    let ended = match ended {
        Ok(head) if head.position == 0 && project.is_some() => Err(nothing()),
        Err(fault) if rows == 0 && fault.kind == FaultKind::Missing => Err(nothing()),
        ended => ended,
    };
    Ok(Verdict {
        chain,
        project,
        rows,
        hash: ended.as_ref().ok().map(|head| head.hash.to_string()),
        fault: ended.err(),
    })
}

fn nothing() -> Fault {
    Fault {
        position: 1,
        id: None,
        kind: FaultKind::Missing,
        message: "there is nothing of the chain".to_owned(),
    }
}

fn check(verifier: &mut Verifier, chain: Uuid, line: &FoundAudit) {
    if !verifier.is_sound() {
        return;
    }
    let canonical = match &line.content {
        Ok(content) => Ok(content.canonical(chain, line.position, &line.previous_hash)),
        Err(error) => Err(error.to_string()),
    };
    let found = Found {
        id: line.id,
        position: line.position,
        previous: &line.previous_hash,
        hash: &line.hash,
    };
    let canonical = canonical.as_deref().map_err(String::as_str);
    verifier.row(found, canonical);
}

/// A part of an export, one line of it.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Part {
    /// The first.
    Header(Header),
    /// A row.
    Line(Line),
    /// The last.
    Trailer(Trailer),
}

/// Hands the chain of a project, or the installation's, to `write`, part by part; all of it is as
/// it stood at one moment. Returns the newest row.
///
/// It exports what is there, sound or not.
pub async fn export<E: From<ServiceError>>(
    desk: &Desk,
    project: Option<&Project>,
    mut write: impl FnMut(&Part) -> Result<(), E>,
) -> Result<Head, E> {
    let mut tx = desk.read().await.map_err(ServiceError::from)?;
    let header = header(desk, &mut tx, project).await?;
    let head = header.head;
    write(&Part::Header(header))?;
    let mut after = BEGINNING;
    loop {
        let page = audit::page(&mut tx, head.chain, after, PAGE).await;
        let page = page.map_err(ServiceError::from)?;
        let Some(last) = page.last() else { break };
        after = (last.position, last.id);
        for row in page {
            let line = line(head.chain, row).map_err(ServiceError::from)?;
            write(&Part::Line(line))?;
        }
    }
    let (rows, hash) = (head.position, head.hash);
    write(&Part::Trailer(Trailer { rows, hash }))?;
    Ok(head)
}

async fn header(
    desk: &Desk,
    tx: &mut Tx,
    project: Option<&Project>,
) -> Result<Header, ServiceError> {
    let installation = audit::installation(tx).await?;
    let chain = project.map_or(installation, |project| project.id.0);
    let head = audit::head_of(tx, chain).await?;
    Ok(Header {
        format: file::FORMAT.to_owned(),
        version: file::VERSION,
        chain,
        project: project.map(|project| Subject {
            id: project.id,
            slug: project.slug.clone(),
            name: project.name.clone(),
        }),
        installation,
        head: head.unwrap_or_else(|| Head::of_empty(chain)),
        exported_at: desk.now(),
    })
}

fn line(chain: Uuid, row: FoundAudit) -> Result<Line, StoreError> {
    let canonical = row
        .content?
        .canonical(chain, row.position, &row.previous_hash);
    Ok(Line {
        id: row.id,
        position: row.position,
        previous_hash: row.previous_hash,
        hash: row.hash,
        canonical,
    })
}

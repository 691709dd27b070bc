//! The `projects` table.

use super::{Record, StoreError, Tx};
use crate::domain::ids::ProjectId;
use crate::domain::project::Project;
use crate::params;

const TABLE: &str = "projects";

/// Adds a project.
pub async fn insert(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO projects (id, number, slug, name, client, brief, status, state, \
        progress, rehearsal, sandboxed, version, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let values = params![
        project.id.0,
        project.number,
        &project.slug,
        &project.name,
        &project.client,
        &project.brief,
        project.state.status(),
        super::json(&project.state),
        project.progress,
        project.rehearsal.clone(),
        project.sandboxed,
        project.version,
        project.created_at,
        project.updated_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Writes a project back, from the version that was read; false where somebody was faster.
pub async fn update(tx: &mut Tx, project: &Project) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE projects SET status = $1, state = $2, progress = $3, rehearsal = $4, \
        sandboxed = $5, updated_at = $6, version = version + 1 WHERE id = $7 AND version = $8";
    let values = params![
        project.state.status(),
        super::json(&project.state),
        project.progress,
        project.rehearsal.clone(),
        project.sandboxed,
        project.updated_at,
        project.id.0,
        project.version,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Returns the project with this slug.
pub async fn by_slug(tx: &mut Tx, slug: &str) -> Result<Option<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects WHERE slug = $1";
    tx.fetch_optional(SQL, params![slug])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns the project with this identity.
pub async fn by_id(tx: &mut Tx, id: ProjectId) -> Result<Option<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects WHERE id = $1";
    tx.fetch_optional(SQL, params![id.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns all projects, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects ORDER BY number";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the number that the next project gets.
pub async fn next_number(tx: &mut Tx) -> Result<u32, StoreError> {
    const SQL: &str = "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM projects";
    match tx.fetch_optional(SQL, params![]).await? {
        Some(record) => record.of(TABLE).count("next"),
        None => Ok(1),
    }
}

fn read(record: &Record) -> Result<Project, StoreError> {
    let row = record.of(TABLE);
    Ok(Project {
        id: ProjectId(row.id("id")?),
        number: row.count("number")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        client: row.text("client")?,
        brief: row.text("brief")?,
        state: row.json("state")?,
        progress: row.count("progress")?,
        rehearsal: row.opt_text("rehearsal")?,
        sandboxed: row.flag("sandboxed")?,
        version: row.int("version")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}

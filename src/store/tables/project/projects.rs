//! The `projects` table.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::params;
use crate::{DatabaseRow, SqlDialect, SqlTransaction, StoreError};
use eklavya_core::ids::ProjectId;
use eklavya_core::money::MicroUsd;
use eklavya_core::project::isolation::{InvalidIsolation, IsolationKind};
use eklavya_core::project::priority::ProjectPriority;
use eklavya_core::project::{Project, ProjectState, ProjectSummary};

const TABLE: &str = "projects";

pub async fn insert(tx: &mut SqlTransaction, project: &Project) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO projects (id, number, slug, name, client, brief, status, state, \
        progress, rehearsal, sandboxed, version, created_at, updated_at, isolation) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let values = params![
        project.id.0,
        project.number,
        &project.slug,
        &project.name,
        &project.client,
        &project.brief,
        project.state.status(),
        crate::to_json(&project.state),
        project.progress,
        project.rehearsal.clone(),
        project.sandboxed,
        project.version,
        project.created_at,
        project.updated_at,
        project.isolation.map(IsolationKind::name),
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Sets the isolation backend of a project. The version stays, because workers read the backend
/// only when they open the project.
pub async fn set_isolation(
    tx: &mut SqlTransaction,
    id: ProjectId,
    isolation: Option<IsolationKind>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE projects SET isolation = $1 WHERE id = $2";
    let values = params![isolation.map(IsolationKind::name), id.0];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Updates a project from the version that was read; false if another process changed it first.
pub async fn update(tx: &mut SqlTransaction, project: &Project) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE projects SET status = $1, state = $2, progress = $3, rehearsal = $4, \
        sandboxed = $5, updated_at = $6, version = version + 1 WHERE id = $7 AND version = $8";
    let values = params![
        project.state.status(),
        crate::to_json(&project.state),
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
pub async fn by_slug(tx: &mut SqlTransaction, slug: &str) -> Result<Option<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects WHERE slug = $1";
    tx.fetch_optional(SQL, params![slug])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

pub async fn by_id(tx: &mut SqlTransaction, id: ProjectId) -> Result<Option<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects WHERE id = $1";
    tx.fetch_optional(SQL, params![id.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns all projects, oldest first.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<Project>, StoreError> {
    const SQL: &str = "SELECT * FROM projects ORDER BY number";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the slugs of all projects, without reading their briefs.
pub async fn slugs(tx: &mut SqlTransaction) -> Result<BTreeMap<ProjectId, String>, StoreError> {
    const SQL: &str = "SELECT id, slug FROM projects";
    let found = tx.fetch_all(SQL, params![]).await?;
    let slugs = found.iter().map(|record| {
        let row = record.reader(TABLE);
        Ok((ProjectId(row.id("id")?), row.text("slug")?))
    });
    slugs.collect()
}

/// Returns all projects as lists show them, oldest first.
///
/// Each row of the query contains 128 projects, as JSON arrays separated by line breaks. The driver
/// passes each row from its own thread to this one, which takes many times as long as reading a
/// project. A single row would also be slower: the database produces the next row while this
/// function parses the last one, and reuses its memory.
pub async fn list_summaries(tx: &mut SqlTransaction) -> Result<Vec<ProjectSummary>, StoreError> {
    const SQLITE: &str = "WITH RECURSIVE parts (first) AS (SELECT 1 UNION ALL \
        SELECT first + 128 FROM parts WHERE first + 128 <= (SELECT MAX(number) FROM projects)) \
        SELECT (SELECT group_concat(json_array(p.slug, p.name, p.client, p.state, \
        p.progress, p.rehearsal, p.sandboxed, b.limit_micros, COALESCE(b.spent_micros, 0), \
        p.created_at, p.updated_at, p.number, r.priority, p.isolation), char(10)) \
        FROM projects p LEFT JOIN budgets b ON b.scope = 'project' AND b.scope_id = p.id \
        LEFT JOIN priorities r ON r.project_id = p.id \
        WHERE p.number BETWEEN parts.first AND parts.first + 127) AS overviews FROM parts";
    const POSTGRES: &str = "SELECT string_agg(CAST(json_build_array(p.slug, p.name, p.client, \
        p.state::text, p.progress, p.rehearsal, p.sandboxed::int, b.limit_micros, \
        COALESCE(b.spent_micros, 0), p.created_at, p.updated_at, p.number, r.priority, \
        p.isolation) AS TEXT), chr(10)) AS overviews \
        FROM projects p LEFT JOIN budgets b ON b.scope = 'project' AND b.scope_id = p.id \
        LEFT JOIN priorities r ON r.project_id = p.id GROUP BY p.number / 128";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let mut states = BTreeMap::new();
    // Growing the vector would copy the summaries. Unused capacity costs no memory pages.
    let mut found = Vec::with_capacity(1024);
    tx.for_each_row(sql, params![], |record| {
        let row = record.reader(TABLE);
        let text = row.opt_str("overviews")?.unwrap_or_default();
        for line in serde_json::Deserializer::from_str(text).into_iter::<ProjectSummaryRow<'_>>() {
            let line = line.map_err(|error| row.corrupt("overviews", error))?;
            found.push((line.11, line.read(&mut states)?));
        }
        Ok(())
    })
    .await?;
    found.sort_unstable_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, summary)| summary).collect())
}

/// One line of a row, in the order of the statement.
#[derive(Deserialize)]
struct ProjectSummaryRow<'a>(
    String,
    String,
    String,
    // A JSON string that contains the JSON of the state.
    #[serde(borrow)] &'a RawValue,
    u32,
    Option<String>,
    u8,
    Option<MicroUsd>,
    MicroUsd,
    i64,
    i64,
    u32,
    Option<u32>,
    Option<String>,
);

impl ProjectSummaryRow<'_> {
    /// Reads the line. `states` caches the states of earlier lines, because most of them are equal.
    fn read(
        self,
        states: &mut BTreeMap<String, ProjectState>,
    ) -> Result<ProjectSummary, StoreError> {
        let slug = self.0;
        let corrupt = |column, reason: &dyn std::fmt::Display| StoreError::Corrupt {
            table: TABLE,
            column,
            id: slug.clone(),
            reason: reason.to_string(),
        };
        let moment = |column, micros| {
            Timestamp::from_microsecond(micros).map_err(|error| corrupt(column, &error))
        };
        let state = read_state(self.3, states).map_err(|error| corrupt("state", &error))?;
        let priority = self
            .12
            .map_or(Ok(ProjectPriority::default()), ProjectPriority::new);
        Ok(ProjectSummary {
            name: self.1,
            client: self.2,
            state,
            progress: self.4,
            rehearsal: self.5,
            sandboxed: self.6 != 0,
            isolation: parse_isolation(self.13.as_deref())
                .map_err(|error| corrupt("isolation", &error))?,
            priority: priority.map_err(|error| corrupt("priority", &error))?,
            limit: self.7,
            spent: self.8,
            created_at: moment("created_at", self.9)?,
            updated_at: moment("updated_at", self.10)?,
            slug,
        })
    }
}

fn read_state(
    quoted: &RawValue,
    states: &mut BTreeMap<String, ProjectState>,
) -> Result<ProjectState, serde_json::Error> {
    if let Some(state) = states.get(quoted.get()) {
        return Ok(state.clone());
    }
    let state = parse_state(quoted)?;
    states.insert(quoted.get().to_owned(), state.clone());
    Ok(state)
}

fn parse_state(quoted: &RawValue) -> Result<ProjectState, serde_json::Error> {
    let text: String = serde_json::from_str(quoted.get())?;
    serde_json::from_str(&text)
}

/// Returns the number of the next project, which stays reserved until the transaction ends.
pub async fn next_number(tx: &mut SqlTransaction) -> Result<u32, StoreError> {
    const SQL: &str = "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM projects";
    match tx.fetch_optional(SQL, params![]).await? {
        Some(record) => record.reader(TABLE).uint("next"),
        None => Ok(1),
    }
}

fn parse_isolation(name: Option<&str>) -> Result<Option<IsolationKind>, InvalidIsolation> {
    name.map(str::parse).transpose()
}

pub(crate) fn read(record: &DatabaseRow) -> Result<Project, StoreError> {
    let row = record.reader(TABLE);
    Ok(Project {
        id: ProjectId(row.id("id")?),
        number: row.uint("number")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        client: row.text("client")?,
        brief: row.text("brief")?,
        state: row.json("state")?,
        progress: row.uint("progress")?,
        rehearsal: row.opt_text("rehearsal")?,
        sandboxed: row.flag("sandboxed")?,
        isolation: parse_isolation(row.opt_text("isolation")?.as_deref())
            .map_err(|error| row.corrupt("isolation", error))?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
        updated_at: row.timestamp("updated_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::cost::budgets;
    use crate::{DatabaseLocation, Store};
    use eklavya_core::project::ProjectStage;

    async fn store() -> (tempfile::TempDir, Store) {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("eklavya.db");
        let store = Store::create(&DatabaseLocation::File(file)).await.unwrap();
        (place, store)
    }

    fn project(number: u32, slug: &str) -> Project {
        Project {
            id: ProjectId::random(),
            number,
            slug: slug.to_owned(),
            name: format!("The \"{slug}\"\n\u{1b} 日本"),
            client: "Ada".to_owned(),
            brief: "A page.".to_owned(),
            state: ProjectState::Active {
                stage: ProjectStage::PlanReview,
            },
            progress: 20,
            rehearsal: Some("shop.yaml".to_owned()),
            sandboxed: false,
            isolation: Some(IsolationKind::Docker),
            version: 1,
            created_at: Timestamp::from_microsecond(1_000_001).unwrap(),
            updated_at: Timestamp::from_microsecond(2_000_002).unwrap(),
        }
    }

    #[tokio::test]
    async fn summaries_match_the_rows_oldest_first() {
        let (_place, store) = store().await;
        let mut tx = store.begin_write().await.unwrap();
        // The projects are in different rows of the query, with an empty row between them.
        let (second, first) = (project(400, "second"), project(128, "first"));
        for project in [&second, &first] {
            insert(&mut tx, project).await.unwrap();
        }
        let limit = Some(MicroUsd(25_000_000));
        let scope = budgets::Scope::Project(second.id);
        budgets::set_limit(&mut tx, scope, limit).await.unwrap();
        let found = list_summaries(&mut tx).await.unwrap();
        let expected = |project: Project, limit| ProjectSummary {
            slug: project.slug,
            name: project.name,
            client: project.client,
            state: project.state,
            progress: project.progress,
            rehearsal: project.rehearsal,
            sandboxed: project.sandboxed,
            isolation: project.isolation,
            priority: ProjectPriority::default(),
            limit,
            spent: MicroUsd(0),
            created_at: project.created_at,
            updated_at: project.updated_at,
        };
        assert_eq!(found, [expected(first, None), expected(second, limit)]);
    }

    #[tokio::test]
    async fn summaries_may_be_empty_and_a_corrupt_row_is_named() {
        let (_place, store) = store().await;
        let mut tx = store.begin_write().await.unwrap();
        assert_eq!(list_summaries(&mut tx).await.unwrap(), []);
        insert(&mut tx, &project(1, "shop")).await.unwrap();
        tx.execute("UPDATE projects SET state = '{\"is\":\"lost\"}'", params![])
            .await
            .unwrap();
        let error = list_summaries(&mut tx).await.unwrap_err().to_string();
        assert!(error.contains("shop") && error.contains("state"), "{error}");
    }
}

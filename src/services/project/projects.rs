//! Projects: create, find, advance, pause and archive.

use std::collections::BTreeMap;

use serde_json::json;

use crate::data_store::require_swapped;
use crate::event_log::notifications;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::ProjectId;
use eklavya_core::money::MicroUsd;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_core::project::slug;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage, ProjectState, ProjectSummary};
use eklavya_core::task::Task;
use eklavya_store::project_status::{self, ProjectStatus};
use eklavya_store::{AdvisoryLock, budgets, projects, tasks};

/// The largest brief, in bytes: it must fit a model's context with room for the work.
pub const MAX_BRIEF_BYTES: usize = 256 * 1024;

/// A project to create.
#[derive(Debug, Clone)]
pub struct NewProject {
    pub name: String,
    /// By default derived from the name.
    pub slug: Option<String>,
    pub client: String,
    /// The client's brief, unchanged.
    pub brief: Vec<u8>,
    /// The most that the project may cost.
    pub budget: Option<MicroUsd>,
    /// The rehearsal that answers in place of a model.
    pub rehearsal: Option<String>,
}

/// Checks that a brief is text of a valid size, and returns it.
pub fn parse_brief(bytes: &[u8]) -> Result<String, ServiceError> {
    let wrong = |reason: String| Err(ServiceError::Brief(reason));
    if bytes.len() > MAX_BRIEF_BYTES {
        return wrong(format!(
            "has {} bytes; the limit is {MAX_BRIEF_BYTES}",
            bytes.len()
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return wrong("is not UTF-8 text".to_owned());
    };
    if text.contains('\0') {
        return wrong("is a binary file (it contains NUL bytes)".to_owned());
    }
    if text.trim().is_empty() {
        return wrong("is empty".to_owned());
    }
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Creates a project; its slug must be free.
pub async fn create(
    data: &DataStore,
    actor: &AuditActor,
    new: NewProject,
) -> Result<Project, ServiceError> {
    create_with_isolation(data, actor, new, None).await
}

/// Creates a project with an isolation backend other than the configured one.
pub async fn create_with_isolation(
    data: &DataStore,
    actor: &AuditActor,
    new: NewProject,
    isolation: Option<IsolationKind>,
) -> Result<Project, ServiceError> {
    let brief = parse_brief(&new.brief)?;
    let slug = match new.slug {
        Some(slug) => slug::check(&slug).map(|()| slug)?,
        None => slug::from_name(&new.name)?,
    };
    let mut tx = data.begin(actor).await?;
    tx.sql.lock(AdvisoryLock::NewProject).await?;
    if projects::by_slug(&mut tx.sql, &slug).await?.is_some() {
        return Err(ServiceError::SlugInUse(slug));
    }
    let project = Project {
        id: ProjectId::random(),
        number: projects::next_number(&mut tx.sql).await?,
        slug,
        name: new.name,
        client: new.client,
        brief,
        state: ProjectState::NEW,
        progress: 0,
        rehearsal: new.rehearsal,
        sandboxed: true,
        isolation,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    };
    projects::insert(&mut tx.sql, &project).await?;
    budgets::set_limit(&mut tx.sql, budgets::Scope::Project(project.id), new.budget).await?;
    record_creation(&mut tx, &project, new.budget);
    tx.commit().await?;
    Ok(project)
}

fn record_creation(tx: &mut Transaction, project: &Project, budget: Option<MicroUsd>) {
    let event = Event::ProjectCreated {
        project_id: project.id,
        name: project.name.clone(),
        client_name: project.client.clone(),
    };
    tx.add_event(Some(project.id), event);
    let details = json!({
        "slug": project.slug, "name": project.name, "client": project.client,
        "budgetMicroUsd": budget, "rehearsal": project.rehearsal, "isolation": project.isolation,
    });
    tx.add_audit((Some(project.id), None), "project.create", details);
}

/// Sets the isolation backend of a project from its next command on; `None` uses the configuration.
pub async fn set_isolation(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    isolation: Option<IsolationKind>,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(actor).await?;
    projects::set_isolation(&mut tx.sql, project.id, isolation).await?;
    let details = json!({ "from": project.isolation, "to": isolation });
    tx.add_audit((Some(project.id), None), "project.isolation", details);
    tx.commit().await?;
    reload(data, project).await
}

/// Returns the project with this slug.
pub async fn find(data: &DataStore, slug: &str) -> Result<Project, ServiceError> {
    let mut tx = data.begin_read().await?;
    projects::by_slug(&mut tx, slug)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "project",
            name: slug.to_owned(),
        })
}

/// Returns the current state of a project.
pub async fn reload(data: &DataStore, project: &Project) -> Result<Project, ServiceError> {
    find(data, &project.slug).await
}

/// Returns all projects, oldest first.
pub async fn list(data: &DataStore) -> Result<Vec<Project>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(projects::all(&mut tx).await?)
}

/// Returns the slugs of all projects.
pub async fn slugs(data: &DataStore) -> Result<BTreeMap<ProjectId, String>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(projects::slugs(&mut tx).await?)
}

/// Returns the status of all projects, oldest first, or of the project with this slug.
pub async fn list_statuses(
    data: &DataStore,
    slug: Option<&str>,
) -> Result<Vec<ProjectStatus>, ServiceError> {
    let Some(slug) = slug else {
        let mut tx = data.begin_read().await?;
        return Ok(project_status::all(&mut tx).await?);
    };
    let project = find(data, slug).await?;
    let mut tx = data.begin_read().await?;
    let status = project_status::of_project(&mut tx, project.id).await?;
    Ok(status.into_iter().collect())
}

/// Returns all projects as lists show them, oldest first.
pub async fn list_summaries(data: &DataStore) -> Result<Vec<ProjectSummary>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(projects::list_summaries(&mut tx).await?)
}

/// Applies an event to a project in its own transaction and returns the project.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    event: ProjectEvent,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let project = advance_in(&mut tx, project, event).await?;
    tx.commit().await?;
    Ok(project)
}

/// Applies an event to a project within the caller's transaction.
pub async fn advance_in(
    tx: &mut Transaction,
    project: &Project,
    event: ProjectEvent,
) -> Result<Project, ServiceError> {
    let mut next = project.clone();
    next.state = project
        .state
        .apply(event, tx.now)
        .map_err(|source| ServiceError::State {
            name: project.slug.clone(),
            source,
        })?;
    next.progress = progress_of(&next.state, project.progress);
    next.updated_at = tx.now;
    save_in(tx, &mut next).await?;
    notifications::notify_stage_in(tx, &next);
    let details = json!({
        "event": event.name(), "from": project.state.status(), "to": next.state.status(),
    });
    tx.add_audit((Some(next.id), None), "project.advance", details);
    Ok(next)
}

/// Records the progress, in percent of all stages.
pub async fn record_progress(data: &DataStore, project: &Project) -> Result<Project, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let all = tasks::of_project(&mut tx.sql, project.id).await?;
    let Some(mut next) = projects::by_id(&mut tx.sql, project.id).await? else {
        return Err(ServiceError::NotFound {
            what: "project",
            name: project.slug.clone(),
        });
    };
    next.progress = build_progress(&all);
    if next.state.stage() == Some(ProjectStage::Building) && next.progress != project.progress {
        save_in(&mut tx, &mut next).await?;
        tx.commit().await?;
    }
    Ok(next)
}

fn build_progress(all: &[Task]) -> u32 {
    let (from, to) = (
        ProjectStage::Building.progress(),
        ProjectStage::Built.progress(),
    );
    let built: Vec<_> = all.iter().filter(|task| task.kind.is_built()).collect();
    let is_done = |task: &&&Task| task.state.status() == "done";
    let done = built.iter().filter(is_done).count();
    let share = (to - from) as usize * done / built.len().max(1);
    from + u32::try_from(share).unwrap_or(0)
}

/// Records the rehearsal of a project, and whether its agents run in a sandbox.
pub async fn record_conditions(
    data: &DataStore,
    project: &Project,
    rehearsal: Option<String>,
    sandboxed: bool,
) -> Result<Project, ServiceError> {
    let known = rehearsal.is_none() || project.rehearsal == rehearsal;
    if known && (sandboxed || !project.sandboxed) {
        return Ok(project.clone());
    }
    let mut tx = data.begin(&AuditActor::System).await?;
    let mut next = project.clone();
    next.rehearsal = rehearsal.or(next.rehearsal);
    next.sandboxed &= sandboxed;
    save_in(&mut tx, &mut next).await?;
    let details = json!({ "rehearsal": next.rehearsal, "sandboxed": sandboxed });
    tx.add_audit((Some(next.id), None), "project.conditions", details);
    tx.commit().await?;
    Ok(next)
}

async fn save_in(tx: &mut Transaction, project: &mut Project) -> Result<(), ServiceError> {
    let swapped = projects::update(&mut tx.sql, project).await?;
    require_swapped(swapped, || format!("project {}", project.slug))?;
    project.version += 1;
    let event = Event::ProjectStatus {
        project_id: project.id,
        status: project.state.status().to_owned(),
        progress: project.progress,
    };
    tx.add_event(Some(project.id), event);
    Ok(())
}

fn progress_of(state: &ProjectState, before: u32) -> u32 {
    match state {
        ProjectState::Active { stage } => stage.progress(),
        ProjectState::Delivered { .. } => 100,
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => before,
    }
}

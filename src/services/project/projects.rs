//! Projects: create, look up, move on, halt and put away.

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
use eklavya_store::{AdvisoryLock, budgets, projects, tasks};

/// The largest brief, in bytes: what fits a model's context with room for the work.
pub const MAX_BRIEF_BYTES: usize = 256 * 1024;

/// What a new project is made from.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its name.
    pub name: String,
    /// The short name; made from the name where none is given.
    pub slug: Option<String>,
    /// For whom it is.
    pub client: String,
    /// The client's words as they came.
    pub brief: Vec<u8>,
    /// The most that it may cost.
    pub budget: Option<MicroUsd>,
    /// The rehearsal that answers in place of a model.
    pub rehearsal: Option<String>,
}

/// Checks that a brief is a text of a sensible size, and returns it.
pub fn parse_brief(bytes: &[u8]) -> Result<String, ServiceError> {
    let wrong = |reason: String| Err(ServiceError::Brief(reason));
    if bytes.len() > MAX_BRIEF_BYTES {
        return wrong(format!(
            "has {} bytes; {MAX_BRIEF_BYTES} are the most",
            bytes.len()
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return wrong("is not a text in UTF-8".to_owned());
    };
    if text.contains('\0') {
        return wrong("is a binary file (it has NUL bytes)".to_owned());
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

/// Creates a project whose agents are held by `isolation`, where that is not to be what the
/// configuration says.
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
    let mut change = data.begin(actor).await?;
    change.sql.lock(AdvisoryLock::NewProject).await?;
    if projects::by_slug(&mut change.sql, &slug).await?.is_some() {
        return Err(ServiceError::SlugInUse(slug));
    }
    let project = Project {
        id: ProjectId::random(),
        number: projects::next_number(&mut change.sql).await?,
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
        created_at: change.now,
        updated_at: change.now,
    };
    projects::insert(&mut change.sql, &project).await?;
    budgets::set_limit(
        &mut change.sql,
        budgets::Scope::Project(project.id),
        new.budget,
    )
    .await?;
    record_creation(&mut change, &project, new.budget);
    change.commit().await?;
    Ok(project)
}

fn record_creation(change: &mut Transaction, project: &Project, budget: Option<MicroUsd>) {
    let event = Event::ProjectCreated {
        project_id: project.id,
        name: project.name.clone(),
        client_name: project.client.clone(),
    };
    change.add_event(Some(project.id), event);
    let details = json!({
        "slug": project.slug, "name": project.name, "client": project.client,
        "budgetMicroUsd": budget, "rehearsal": project.rehearsal, "isolation": project.isolation,
    });
    change.add_audit((Some(project.id), None), "project.create", details);
}

/// Sets what holds the agents of a project from its next command on; nothing is what the
/// configuration says.
pub async fn set_isolation(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    isolation: Option<IsolationKind>,
) -> Result<Project, ServiceError> {
    let mut change = data.begin(actor).await?;
    projects::set_isolation(&mut change.sql, project.id, isolation).await?;
    let details = json!({ "from": project.isolation, "to": isolation });
    change.add_audit((Some(project.id), None), "project.isolation", details);
    change.commit().await?;
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

/// Returns the project as it stands now.
pub async fn reload(data: &DataStore, project: &Project) -> Result<Project, ServiceError> {
    find(data, &project.slug).await
}

/// Returns all projects, oldest first.
pub async fn list(data: &DataStore) -> Result<Vec<Project>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(projects::all(&mut tx).await?)
}

/// Returns all projects as lists show them, oldest first.
pub async fn list_summaries(data: &DataStore) -> Result<Vec<ProjectSummary>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(projects::list_summaries(&mut tx).await?)
}

/// Moves a project on in a transaction of its own and returns it as it stands then.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    event: ProjectEvent,
) -> Result<Project, ServiceError> {
    let mut change = data.begin(actor).await?;
    let project = advance_in(&mut change, project, event).await?;
    change.commit().await?;
    Ok(project)
}

/// Moves a project on as part of a larger change.
pub async fn advance_in(
    change: &mut Transaction,
    project: &Project,
    event: ProjectEvent,
) -> Result<Project, ServiceError> {
    let mut next = project.clone();
    next.state = project
        .state
        .apply(event, change.now)
        .map_err(|source| ServiceError::State {
            name: project.slug.clone(),
            source,
        })?;
    next.progress = progress_of(&next.state, project.progress);
    next.updated_at = change.now;
    save_in(change, &mut next).await?;
    notifications::notify_stage_in(change, &next);
    let details = json!({
        "event": event.name(), "from": project.state.status(), "to": next.state.status(),
    });
    change.add_audit((Some(next.id), None), "project.advance", details);
    Ok(next)
}

/// Notes how much of the build is done, in percent of all stages.
pub async fn record_progress(data: &DataStore, project: &Project) -> Result<Project, ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    let all = tasks::of_project(&mut change.sql, project.id).await?;
    let Some(mut next) = projects::by_id(&mut change.sql, project.id).await? else {
        return Err(ServiceError::NotFound {
            what: "project",
            name: project.slug.clone(),
        });
    };
    let (from, to) = (
        ProjectStage::Building.progress(),
        ProjectStage::Built.progress(),
    );
    let built: Vec<_> = all.iter().filter(|task| task.kind.is_built()).collect();
    let done = built
        .iter()
        .filter(|task| task.state.status() == "done")
        .count();
    let share = (to - from) as usize * done / built.len().max(1);
    next.progress = from + u32::try_from(share).unwrap_or(0);
    if next.state.stage() == Some(ProjectStage::Building) && next.progress != project.progress {
        save_in(&mut change, &mut next).await?;
        change.commit().await?;
    }
    Ok(next)
}

/// Notes which rehearsal answers for a project, and whether its agents run in a sandbox.
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
    let mut change = data.begin(&AuditActor::System).await?;
    let mut next = project.clone();
    next.rehearsal = rehearsal.or(next.rehearsal);
    next.sandboxed &= sandboxed;
    save_in(&mut change, &mut next).await?;
    let details = json!({ "rehearsal": next.rehearsal, "sandboxed": sandboxed });
    change.add_audit((Some(next.id), None), "project.conditions", details);
    change.commit().await?;
    Ok(next)
}

async fn save_in(change: &mut Transaction, project: &mut Project) -> Result<(), ServiceError> {
    let swapped = projects::update(&mut change.sql, project).await?;
    require_swapped(swapped, || format!("project {}", project.slug))?;
    project.version += 1;
    let event = Event::ProjectStatus {
        project_id: project.id,
        status: project.state.status().to_owned(),
        progress: project.progress,
    };
    change.add_event(Some(project.id), event);
    Ok(())
}

fn progress_of(state: &ProjectState, before: u32) -> u32 {
    match state {
        ProjectState::Active { stage } => stage.progress(),
        ProjectState::Delivered { .. } => 100,
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => before,
    }
}

//! Plans: draft, propose, approve and reject.

use serde_json::json;

use super::projects;
use crate::data_store::require_swapped;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::PlanId;
use eklavya_core::plan::document::PlanDocument;
use eklavya_core::plan::{Plan, PlanEvent, PlanState};
use eklavya_core::project::decision::Decision;
use eklavya_core::project::{Project, ProjectEvent};
use eklavya_store::{decisions, plans};

/// Returns the draft plan, and creates one if there is none.
pub async fn ensure_draft(data: &DataStore, project: &Project) -> Result<Plan, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let newest = plans::newest(&mut tx.sql, project.id).await?;
    let number = match newest {
        Some(plan) if plan.state == PlanState::Drafting => return Ok(plan),
        Some(plan) => plan.number + 1,
        None => 1,
    };
    let plan = Plan {
        id: PlanId::random(),
        project: project.id,
        number,
        state: PlanState::Drafting,
        document: None,
        version: 1,
        created_at: tx.now,
    };
    plans::insert(&mut tx.sql, &plan).await?;
    let details = json!({ "number": number });
    tx.add_audit((Some(project.id), None), "plan.draft", details);
    tx.commit().await?;
    Ok(plan)
}

/// Returns the newest plan of a project.
pub async fn newest(data: &DataStore, project: &Project) -> Result<Option<Plan>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(plans::newest(&mut tx, project.id).await?)
}

/// Returns the approved plan's document, which all stages after planning use.
pub async fn approved_document(
    data: &DataStore,
    project: &Project,
) -> Result<PlanDocument, ServiceError> {
    let plan = newest(data, project).await?;
    plan.filter(|plan| matches!(plan.state, PlanState::Approved { .. }))
        .and_then(|plan| plan.document)
        .ok_or_else(|| no_approved_plan(project))
}

fn no_approved_plan(project: &Project) -> ServiceError {
    ServiceError::NotFound {
        what: "approved plan of project",
        name: project.slug.clone(),
    }
}

/// Returns the admin's feedback on rejected plans, oldest first.
pub async fn rejection_feedback(
    data: &DataStore,
    project: &Project,
) -> Result<Vec<String>, ServiceError> {
    let mut tx = data.begin_read().await?;
    let all = plans::of_project(&mut tx, project.id).await?;
    let said = all.into_iter().filter_map(|plan| match plan.state {
        PlanState::Rejected { feedback, .. } => Some(feedback),
        PlanState::Drafting | PlanState::Proposed { .. } | PlanState::Approved { .. } => None,
    });
    Ok(said.collect())
}

/// Proposes a valid plan to the admin.
pub async fn propose(
    data: &DataStore,
    project: &Project,
    document: PlanDocument,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let mut plan = newest_in(&mut tx, project).await?;
    plan.document = Some(document);
    apply_in(&mut tx, project, plan, &PlanEvent::Propose, None).await?;
    let project = projects::advance_in(&mut tx, project, ProjectEvent::ProposePlan).await?;
    tx.commit().await?;
    Ok(project)
}

/// Approves the proposed plan.
pub async fn approve(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    feedback: Option<String>,
) -> Result<Project, ServiceError> {
    decide(data, actor, project, PlanEvent::Approve, feedback).await
}

/// Rejects the proposed plan; the next plan takes the feedback into account.
pub async fn reject(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    feedback: String,
) -> Result<Project, ServiceError> {
    let event = PlanEvent::Reject {
        feedback: feedback.clone(),
    };
    decide(data, actor, project, event, Some(feedback)).await
}

async fn decide(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    event: PlanEvent,
    feedback: Option<String>,
) -> Result<Project, ServiceError> {
    let (next, decision) = match event {
        PlanEvent::Reject { .. } => (ProjectEvent::RejectPlan, "rejected"),
        PlanEvent::Approve | PlanEvent::Propose => (ProjectEvent::ApprovePlan, "approved"),
    };
    let mut tx = data.begin(actor).await?;
    let moved = projects::advance_in(&mut tx, project, next).await?;
    let plan = newest_in(&mut tx, project).await?;
    let decision = Decision {
        project: project.id,
        subject: format!("plan {}", plan.number),
        decision: decision.to_owned(),
        feedback: feedback.clone(),
        decided_by: actor.to_string(),
        decided_at: tx.now,
    };
    decisions::insert(&mut tx.sql, &decision).await?;
    apply_in(&mut tx, project, plan, &event, feedback).await?;
    tx.commit().await?;
    Ok(moved)
}

async fn newest_in(tx: &mut Transaction, project: &Project) -> Result<Plan, ServiceError> {
    plans::newest(&mut tx.sql, project.id)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "plan of project",
            name: project.slug.clone(),
        })
}

async fn apply_in(
    tx: &mut Transaction,
    project: &Project,
    mut plan: Plan,
    event: &PlanEvent,
    feedback: Option<String>,
) -> Result<(), ServiceError> {
    let name = format!("plan {} of {}", plan.number, project.slug);
    plan.state = plan
        .state
        .apply(event, tx.now)
        .map_err(|source| ServiceError::State {
            name: name.clone(),
            source,
        })?;
    let swapped = plans::update(&mut tx.sql, &plan).await?;
    require_swapped(swapped, || name)?;
    let details = json!({
        "number": plan.number, "to": plan.state.status(), "feedback": feedback,
    });
    tx.add_audit((Some(project.id), None), "plan.advance", details);
    Ok(())
}

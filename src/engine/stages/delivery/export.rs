//! Exporting a project: its records, its repository and its delivery.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_core::agent::Agent;
use eklavya_core::demo::Demo;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::plan::Plan;
use eklavya_core::project::Project;
use eklavya_core::project::decision::Decision;
use eklavya_core::task::Task;
use eklavya_core::task::evidence::Evidence;
use eklavya_services::{DataStore, cost_report};
use eklavya_store::audit::StoredAuditEntry;
use eklavya_store::{agents, artifacts, audit, decisions, demos, events, evidence, plans, tasks};

/// Writes everything about a project into `directory`, which must be missing or empty. Returns the
/// written files.
pub async fn export_project(site: &Site, directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    claim_directory(directory)?;
    let mut written = vec![write_document(
        directory,
        "project.json",
        &gather_records(&site.data, &site.reload().await?).await?,
    )?];
    if site.repository.branch_tip("main").await?.is_some() {
        written.push(export_repository(site, directory).await?);
    }
    written.extend(copy_delivery(&site.paths.delivery(), directory)?);
    Ok(written)
}

/// Writes a bundle of every branch and tag.
async fn export_repository(site: &Site, directory: &Path) -> Result<PathBuf, EngineError> {
    let bundle = directory.join(format!("{}.bundle", site.project().slug));
    let all = site.repository.list_refs("refs/heads").await?;
    let mut refs: Vec<&str> = all.keys().map(String::as_str).collect();
    let tags = site.repository.list_refs("refs/tags").await?;
    refs.extend(tags.keys().map(String::as_str));
    site.repository.write_bundle(&bundle, &refs).await?;
    Ok(bundle)
}

/// Copies the dossier and its pictures, if the project is delivered.
fn copy_delivery(delivery: &Path, directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let mut written = Vec::new();
    for name in ["dossier.json", "dossier.html"] {
        let from = delivery.join(name);
        if from.exists() {
            let to = directory.join(name);
            std::fs::copy(&from, &to).map_err(EngineError::io(&to))?;
            written.push(to);
        }
    }
    let pictures = delivery.join("pictures");
    if pictures.is_dir() {
        let to = directory.join("pictures");
        written.extend(copy_files(&pictures, &to)?);
    }
    Ok(written)
}

/// Copies the files of a directory that has no subdirectories.
fn copy_files(from: &Path, to: &Path) -> Result<Vec<PathBuf>, EngineError> {
    std::fs::create_dir_all(to).map_err(EngineError::io(to))?;
    let mut written = Vec::new();
    for entry in std::fs::read_dir(from).map_err(EngineError::io(from))? {
        let entry = entry.map_err(EngineError::io(from))?;
        let target = to.join(entry.file_name());
        std::fs::copy(entry.path(), &target).map_err(EngineError::io(&target))?;
        written.push(target);
    }
    Ok(written)
}

fn claim_directory(directory: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(directory).map_err(EngineError::io(directory))?;
    let mut entries = std::fs::read_dir(directory).map_err(EngineError::io(directory))?;
    if entries.next().is_some() {
        return Err(EngineError::Failed(format!(
            "{} is not empty; choose another directory",
            directory.display()
        )));
    }
    Ok(())
}

fn write_document(directory: &Path, name: &str, document: &Value) -> Result<PathBuf, EngineError> {
    let path = directory.join(name);
    let text = format!("{document:#}\n");
    std::fs::write(&path, text).map_err(EngineError::io(&path))?;
    Ok(path)
}

async fn gather_records(data: &DataStore, project: &Project) -> Result<Value, EngineError> {
    let cost = cost_report::build_report(data, project.id).await?;
    data.sequence_events().await?;
    let mut tx = data.begin_read().await?;
    let id = project.id;
    Ok(json!({
        "exportVersion": 1,
        "project": project_record(project),
        "plans": map_all(&plans::of_project(&mut tx, id).await?, plan_record),
        "tasks": map_all(&tasks::of_project(&mut tx, id).await?, task_record),
        "agents": map_all(&agents::of_project(&mut tx, id).await?, agent_record),
        "demos": map_all(&demos::of_project(&mut tx, id).await?, demo_record),
        "decisions": map_all(&decisions::of_project(&mut tx, id).await?, decision_record),
        "evidence": map_all(&evidence::of_project(&mut tx, id).await?, evidence_record),
        "artifacts": map_all(&artifacts::of_project(&mut tx, id).await?, artifact_record),
        "events": events::read_after(&mut tx, Some(id), 0, u32::MAX).await?,
        "auditLogs": map_all(&audit::of_project(&mut tx, id).await?, audit_record),
        "cost": cost,
    }))
}

fn map_all<T>(rows: &[T], record: fn(&T) -> Value) -> Vec<Value> {
    rows.iter().map(record).collect()
}

fn project_record(project: &Project) -> Value {
    json!({
        "id": project.id, "slug": project.slug, "name": project.name, "client": project.client,
        "brief": project.brief, "status": project.state.status(), "state": project.state,
        "progress": project.progress, "rehearsal": project.rehearsal,
        "sandboxed": project.sandboxed, "createdAt": project.created_at,
    })
}

fn plan_record(plan: &Plan) -> Value {
    json!({ "number": plan.number, "state": plan.state, "document": plan.document })
}

fn task_record(task: &Task) -> Value {
    json!({
        "id": task.id, "key": task.key, "kind": task.kind, "role": task.role,
        "title": task.title, "description": task.description, "criteria": task.criteria,
        "dependsOn": task.depends_on, "state": task.state, "attempt": task.attempt,
        "feedback": task.feedback, "result": task.result,
    })
}

fn agent_record(agent: &Agent) -> Value {
    json!({
        "id": agent.id, "task": agent.task, "role": agent.role, "state": agent.state,
        "session": agent.session, "attempt": agent.attempt, "sandboxed": agent.sandboxed,
        "rehearsal": agent.rehearsal, "model": agent.model, "createdAt": agent.created_at,
    })
}

fn demo_record(demo: &Demo) -> Value {
    json!({
        "number": demo.number, "round": demo.round, "direction": demo.direction,
        "state": demo.state, "commit": demo.commit, "feedback": demo.feedback,
    })
}

fn decision_record(decision: &Decision) -> Value {
    json!({
        "subject": decision.subject, "decision": decision.decision,
        "feedback": decision.feedback, "decidedBy": decision.decided_by,
        "decidedAt": decision.decided_at,
    })
}

fn evidence_record(found: &Evidence) -> Value {
    json!({
        "round": found.round, "criterion": found.criterion, "commit": found.commit,
        "agent": found.agent, "role": found.role, "command": found.command,
        "exit": found.exit, "output": found.output, "passed": found.passed,
        "reason": found.reason, "at": found.created_at,
    })
}

fn artifact_record(artifact: &Artifact) -> Value {
    json!({
        "id": artifact.id, "subject": artifact.subject, "agent": artifact.agent,
        "mediaType": artifact.media_type, "sha256": artifact.sha256, "bytes": artifact.bytes,
        "width": artifact.width, "height": artifact.height, "url": artifact.url,
        "title": artifact.title, "at": artifact.created_at,
    })
}

fn audit_record(line: &StoredAuditEntry) -> Value {
    json!({
        "id": line.id, "chain": line.chain, "position": line.position,
        "previousHash": line.previous_hash, "hash": line.hash, "at": line.content.at,
        "agent": line.content.agent, "actor": line.content.actor,
        "action": line.content.action, "details": line.content.details,
    })
}

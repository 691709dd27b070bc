//! Previews of demos: each is served by a process of its own that outlives the command that started
//! it, until the admin decides about the demo.

use std::path::Path;

use super::host::{LOG_FILE, TICKET_FILE};
use super::host_process;
use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::{Demo, DemoEvent, DemoState};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::Project;
use eklavya_core::task::Task;
use eklavya_services::{DataStore, demos};

#[derive(Debug)]
pub(crate) enum DemoPreviewResult {
    /// The preview answered and runs.
    Answered,
    /// The reason, for the agent.
    Failed(String),
}

/// Starts the preview of the work that was submitted for a demo, and records the result.
pub(crate) async fn start_submitted_demo(
    site: &Site,
    task: &Task,
    work: &CommitId,
) -> Result<DemoPreviewResult, EngineError> {
    let project = site.project();
    let demo = find_demo_of(site, task).await?;
    let number = demo.number;
    site.repository
        .set_ref(&format!("refs/heads/demo/{number}"), work)
        .await?;
    record_built(&site.data, project, demo, work).await?;
    match host_process::start(site, number, work).await? {
        Ok((url, process)) => {
            let actor = &AuditActor::System;
            demos::record_preview(&site.data, actor, project, number, url, process).await?;
            Ok(DemoPreviewResult::Answered)
        }
        Err(reason) => {
            demos::advance(&site.data, project, number, DemoEvent::Retry).await?;
            Ok(DemoPreviewResult::Failed(format!(
                "The demo was built, but its preview did not answer: {reason}"
            )))
        }
    }
}

async fn find_demo_of(site: &Site, task: &Task) -> Result<Demo, EngineError> {
    let all = demos::list(&site.data, site.project()).await?;
    let found = all.into_iter().find(|demo| demo.task == task.id);
    found.ok_or_else(|| EngineError::Failed(format!("task {} belongs to no demo", task.key)))
}

async fn record_built(
    data: &DataStore,
    project: &Project,
    demo: Demo,
    work: &CommitId,
) -> Result<(), EngineError> {
    match demo.state {
        DemoState::Building => {
            demos::record_built(data, project, demo.number, work.clone()).await?;
        }
        DemoState::Starting { .. } | DemoState::Failed { .. } => {
            demos::advance(data, project, demo.number, DemoEvent::Retry).await?;
            demos::record_built(data, project, demo.number, work.clone()).await?;
        }
        DemoState::Ready { .. }
        | DemoState::Approved { .. }
        | DemoState::Rejected { .. }
        | DemoState::Superseded { .. } => {}
    }
    Ok(())
}

/// Starts the preview of a demo again on behalf of `actor`, unless it runs.
///
/// # Errors
/// [`EngineError::Failed`] if the demo is not built yet or its preview does not answer.
pub async fn restart_demo_preview(
    site: &Site,
    actor: &AuditActor,
    number: u32,
) -> Result<Demo, EngineError> {
    let project = site.project();
    let demo = demos::find(&site.data, project, number).await?;
    if is_running(&demo) {
        return Ok(demo);
    }
    let Some(commit) = demo.commit else {
        return Err(EngineError::Failed(format!(
            "demo {number} is not built yet"
        )));
    };
    match host_process::start(site, number, &commit).await? {
        Ok((url, process)) => {
            Ok(demos::record_preview(&site.data, actor, project, number, url, process).await?)
        }
        Err(reason) => Err(EngineError::Failed(format!(
            "demo {number} does not answer: {reason}"
        ))),
    }
}

/// Whether the process that serves a demo's preview runs.
pub fn is_running(demo: &Demo) -> bool {
    demo.preview.as_ref().is_some_and(host_process::is_alive)
}

/// Returns the output of a demo's preview so far; empty if the preview never ran.
pub fn read_log(home: &Path, slug: &str, number: u32) -> Result<String, EngineError> {
    let file = home
        .join("projects")
        .join(slug)
        .join(format!("demos/{number}/{LOG_FILE}"));
    match std::fs::read(&file) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(EngineError::Io { path: file, source }),
    }
}

/// Stops the preview of a demo if it runs, and records that.
pub async fn stop_demo_preview(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    demo: &Demo,
) -> Result<(), EngineError> {
    let Some(preview) = &demo.preview else {
        return Ok(());
    };
    host_process::end(preview).await;
    demos::record_preview_stopped(data, actor, project, demo.number).await?;
    Ok(())
}

pub async fn stop_all_previews(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
) -> Result<(), EngineError> {
    let all = demos::list(data, project).await?;
    let running = all.iter().filter_map(|demo| demo.preview.as_ref());
    futures_util::future::join_all(running.map(host_process::end)).await;
    for demo in &all {
        stop_demo_preview(data, actor, project, demo).await?;
    }
    Ok(())
}

/// Stops every preview that is not recorded: the worker that started it died before the record.
pub(crate) async fn end_unrecorded_previews(site: &Site) -> Result<(), EngineError> {
    for demo in demos::list(&site.data, site.project()).await? {
        if demo.preview.is_none() {
            let ticket = site.paths.demo(demo.number).join(TICKET_FILE);
            match std::fs::remove_file(&ticket) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EngineError::io(ticket)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

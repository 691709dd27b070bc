//! Previews of demos: each is served by a process of its own that outlives the command that started
//! it, until the admin decides about the demo.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::preview::host::{
    HOST_COMMAND, LOG_FILE, PreviewHostReply, PreviewHostRequest, PreviewHostSource,
    PreviewSecrets, TICKET_FILE,
};
use crate::workspace::clone;
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::{Demo, DemoEvent, DemoState, PreviewProcess};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::PlannedPreview;
use eklavya_core::process::{self, HostIdentity, SEARCH_PATH};
use eklavya_core::project::Project;
use eklavya_core::secret::SecretUse;
use eklavya_core::task::Task;
use eklavya_git::remove_tree;
use eklavya_services::{DataStore, demos, plans};

/// Added to the time in which a preview must answer: its host process must start first.
const HOST_START_TIMEOUT: Duration = Duration::from_secs(20);
/// The time between SIGTERM and SIGKILL.
const TERMINATION_TIMEOUT: Duration = Duration::from_secs(3);

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
    let all = demos::list(&site.data, project).await?;
    let Some(demo) = all.into_iter().find(|demo| demo.task == task.id) else {
        return Err(EngineError::Failed(format!(
            "task {} belongs to no demo",
            task.key
        )));
    };
    let number = demo.number;
    site.repository
        .set_ref(&format!("refs/heads/demo/{number}"), work)
        .await?;
    record_built(&site.data, project, demo, work).await?;
    match start_host_process(site, number, work).await? {
        Ok((url, process)) => {
            demos::record_preview(
                &site.data,
                &AuditActor::System,
                project,
                number,
                url,
                process,
            )
            .await?;
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
    match start_host_process(site, number, &commit).await? {
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
    demo.preview.as_ref().is_some_and(is_alive)
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
    end_process(preview).await;
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
    futures_util::future::join_all(running.map(end_process)).await;
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

/// Whether the process runs on this host.
fn is_alive(preview: &PreviewProcess) -> bool {
    preview.host == HostIdentity::current().digest && process::is_alive(preview.pid, preview.start)
}

async fn end_process(preview: &PreviewProcess) {
    if preview.host != HostIdentity::current().digest {
        let pid = preview.pid;
        tracing::warn!("the preview (pid {pid}) runs on another host and is not stopped");
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        if !is_alive(preview) {
            return;
        }
        let Ok(pid) = i32::try_from(preview.pid) else {
            return;
        };
        // Fails if the process ended in the meantime.
        let _ = kill(Pid::from_raw(pid), signal);
        for _ in 0..TERMINATION_TIMEOUT.as_millis() / 20 {
            if !is_alive(preview) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts a process that serves `commit`; the inner result is its URL, or why it does not answer.
async fn start_host_process(
    site: &Site,
    number: u32,
    commit: &CommitId,
) -> Result<Result<(String, PreviewProcess), String>, EngineError> {
    let root = site.paths.demo(number);
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let secrets = site.secrets_for(SecretUse::Previews).await?;
    let request = host_request(
        site,
        root,
        plan.preview,
        PreviewSecrets::from_secrets(&secrets),
    );
    prepare_files(site, &request, commit).await?;
    let mut child = spawn_host(&site.exe)?;
    let timeout = site.config.stages.demo_health + HOST_START_TIMEOUT;
    let answer = request_preview(&mut child, &request, timeout).await;
    let pid = child.id().unwrap_or_default();
    match (answer, process::read_start_time(pid)) {
        (PreviewHostReply::Ready { url }, Some(start)) => {
            let host = HostIdentity::current().digest;
            Ok(Ok((url, PreviewProcess { host, pid, start })))
        }
        (PreviewHostReply::Ready { .. }, None) => Ok(Err("its process ended".to_owned())),
        (PreviewHostReply::Failed { reason }, _) => {
            // Fails if the process ended in the meantime.
            let _ = child.kill().await;
            Ok(Err(reason))
        }
    }
}

/// Starts the process, which outlives this one.
fn spawn_host(exe: &Path) -> Result<tokio::process::Child, EngineError> {
    let mut command = process::new_command(exe);
    command
        .arg(HOST_COMMAND)
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(false);
    command.spawn().map_err(EngineError::io(exe))
}

async fn request_preview(
    child: &mut tokio::process::Child,
    request: &PreviewHostRequest,
    timeout: Duration,
) -> PreviewHostReply {
    match tokio::time::timeout(timeout, exchange_request(child, request)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(source)) => PreviewHostReply::Failed {
            reason: format!("its process ended early: {source}"),
        },
        Err(_) => PreviewHostReply::Failed {
            reason: format!("no answer within {} s", timeout.as_secs()),
        },
    }
}

async fn exchange_request(
    child: &mut tokio::process::Child,
    request: &PreviewHostRequest,
) -> std::io::Result<PreviewHostReply> {
    let missing = || std::io::Error::other("a pipe is missing");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    // Through a pipe: every user can read the command line of a process.
    let document = Zeroizing::new(serde_json::to_vec(request)?);
    stdin.write_all(&document).await?;
    drop(stdin);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

async fn prepare_files(
    site: &Site,
    request: &PreviewHostRequest,
    commit: &CommitId,
) -> Result<(), EngineError> {
    let root = &request.root;
    site.ensure_lease_held().await?;
    remove_tree(root).await?;
    clone::checkout_throwaway(site, root, commit).await?;
    let ticket = root.join(TICKET_FILE);
    std::fs::write(&ticket, &request.ticket).map_err(EngineError::io(ticket))
}

fn host_request(
    site: &Site,
    root: PathBuf,
    plan: PlannedPreview,
    secrets: PreviewSecrets,
) -> PreviewHostRequest {
    let (source, path) = match plan {
        PlannedPreview::Static { directory } => {
            (PreviewHostSource::Static(directory.into()), "/".to_owned())
        }
        PlannedPreview::Command {
            command,
            port,
            path,
        } => (
            PreviewHostSource::Command {
                line: command,
                port,
            },
            path,
        ),
    };
    PreviewHostRequest {
        root,
        ticket: Uuid::new_v4().to_string(),
        source,
        path,
        health_seconds: site.config.stages.demo_health.as_secs(),
        tmp_bytes: site.config.sandbox.tmp_bytes,
        disk_bytes: site.config.sandbox.disk_bytes,
        landlock: site.config.sandbox.min_landlock_abi,
        user: site.user.map(|user| (user.uid, user.gid)),
        sandboxed: site.is_sandboxed(),
        secrets,
        docker: site.docker_settings().cloned(),
    }
}

//! The process that serves the preview of a demo, as the process that starts and ends it sees it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::host::{
    HOST_COMMAND, PreviewHostReply, PreviewHostRequest, PreviewHostSource, PreviewSecrets,
    TICKET_FILE,
};
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::clone;
use eklavya_core::demo::PreviewProcess;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::PlannedPreview;
use eklavya_core::process::{self, HostIdentity, SEARCH_PATH};
use eklavya_core::secret::SecretUse;
use eklavya_git::remove_tree;
use eklavya_services::plans;

/// Added to the time in which a preview must answer: its host process must start first.
const HOST_START_TIMEOUT: Duration = Duration::from_secs(20);
/// The time between SIGTERM and SIGKILL.
const TERMINATION_TIMEOUT: Duration = Duration::from_secs(3);

/// Starts a process that serves `commit`; the inner result is its URL, or why it does not answer.
pub(super) async fn start(
    site: &Site,
    number: u32,
    commit: &CommitId,
) -> Result<Result<(String, PreviewProcess), String>, EngineError> {
    let request = plan_request(site, number).await?;
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

async fn plan_request(site: &Site, number: u32) -> Result<PreviewHostRequest, EngineError> {
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let secrets = site.secrets_for(SecretUse::Previews).await?;
    let (source, path) = host_source(plan.preview);
    Ok(PreviewHostRequest {
        root: site.paths.demo(number),
        ticket: Uuid::new_v4().to_string(),
        source,
        path,
        health_seconds: site.config.stages.demo_health.as_secs(),
        tmp_bytes: site.config.sandbox.tmp_bytes,
        disk_bytes: site.config.sandbox.disk_bytes,
        landlock: site.config.sandbox.min_landlock_abi,
        user: site.user.map(|user| (user.uid, user.gid)),
        sandboxed: site.is_sandboxed(),
        secrets: PreviewSecrets::from_secrets(&secrets),
        docker: site.docker_settings().cloned(),
    })
}

/// Returns what serves the preview, and the path that must answer.
fn host_source(plan: PlannedPreview) -> (PreviewHostSource, String) {
    match plan {
        PlannedPreview::Static { directory } => {
            (PreviewHostSource::Static(directory.into()), "/".to_owned())
        }
        PlannedPreview::Command {
            command: line,
            port,
            path,
        } => (PreviewHostSource::Command { line, port }, path),
    }
}

/// Whether the process runs on this host.
pub(super) fn is_alive(preview: &PreviewProcess) -> bool {
    preview.host == HostIdentity::current().digest && process::is_alive(preview.pid, preview.start)
}

/// Ends the process, first with SIGTERM.
pub(super) async fn end(preview: &PreviewProcess) {
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

//! Previews of demos: each is served by a process of its own that outlives the command which
//! started it, until the admin has decided.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::WorkflowError;
use super::preview_host::{Answer, HOST_COMMAND, LOG, Order, SEARCH_PATH, Secrets, Source, TICKET};
use super::site::Site;
use super::workspace;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::demo::{Demo, DemoEvent, DemoState, PreviewProcess};
use eklavya_core::domain::plan_document::PreviewPlan;
use eklavya_core::domain::project::Project;
use eklavya_core::domain::secret::SecretUse;
use eklavya_core::domain::task::Task;
use eklavya_core::process::{self, Host};
use eklavya_git::remove_tree;
use eklavya_services::{Desk, demos, plans};

/// Added to the time in which a preview must answer, for the process around it to start.
const START_UP: Duration = Duration::from_secs(20);
/// How long a preview may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// What became of a demo's preview.
#[derive(Debug)]
pub(super) enum Tried {
    /// It answered and runs.
    Answered,
    /// It did not, for the agent to read.
    Failed(String),
}

/// Starts the preview of the work that was handed in for a demo, and notes what came of it.
pub(super) async fn try_out(
    site: &Site,
    task: &Task,
    work: &CommitId,
) -> Result<Tried, WorkflowError> {
    let project = site.project();
    let all = demos::list(&site.desk, project).await?;
    let Some(demo) = all.into_iter().find(|demo| demo.task == task.id) else {
        return Err(WorkflowError::Failed(format!(
            "task {} belongs to no demo",
            task.key
        )));
    };
    let number = demo.number;
    site.repository
        .set_ref(&format!("refs/heads/demo/{number}"), work)
        .await?;
    note_built(site, demo, work).await?;
    match start(site, number, work).await? {
        Ok((url, process)) => {
            demos::answered(&site.desk, &Actor::System, project, number, url, process).await?;
            Ok(Tried::Answered)
        }
        Err(reason) => {
            demos::advance(&site.desk, project, number, DemoEvent::Retry).await?;
            Ok(Tried::Failed(format!(
                "The demo was built, but its preview did not answer: {reason}"
            )))
        }
    }
}

async fn note_built(site: &Site, demo: Demo, work: &CommitId) -> Result<(), WorkflowError> {
    let (desk, project) = (&site.desk, site.project());
    match demo.state {
        DemoState::Building => {
            demos::built(desk, project, demo.number, work.clone()).await?;
        }
        DemoState::Starting { .. } | DemoState::Failed { .. } => {
            demos::advance(desk, project, demo.number, DemoEvent::Retry).await?;
            demos::built(desk, project, demo.number, work.clone()).await?;
        }
        DemoState::Ready { .. }
        | DemoState::Approved { .. }
        | DemoState::Rejected { .. }
        | DemoState::Superseded { .. } => {}
    }
    Ok(())
}

/// Starts the preview of a demo again on behalf of `actor`, and returns where it answers.
///
/// # Errors
/// [`WorkflowError::Failed`] where the demo was not built yet, or does not answer.
pub async fn reopen(site: &Site, actor: &Actor, number: u32) -> Result<Demo, WorkflowError> {
    let project = site.project();
    let demo = demos::find(&site.desk, project, number).await?;
    if is_running(&demo) {
        return Ok(demo);
    }
    let Some(commit) = demo.commit else {
        return Err(WorkflowError::Failed(format!(
            "demo {number} is not built yet"
        )));
    };
    match start(site, number, &commit).await? {
        Ok((url, process)) => {
            Ok(demos::answered(&site.desk, actor, project, number, url, process).await?)
        }
        Err(reason) => Err(WorkflowError::Failed(format!(
            "demo {number} does not answer: {reason}"
        ))),
    }
}

/// Whether the process that serves a demo's preview runs.
pub fn is_running(demo: &Demo) -> bool {
    demo.preview.as_ref().is_some_and(is_alive)
}

/// Returns what the preview of a demo has said so far; nothing where it never ran.
pub fn log(home: &Path, slug: &str, number: u32) -> Result<String, WorkflowError> {
    let file = home
        .join("projects")
        .join(slug)
        .join(format!("demos/{number}/{LOG}"));
    match std::fs::read(&file) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(WorkflowError::Io { path: file, source }),
    }
}

/// Ends the preview of a demo, if it runs, and notes that it does not.
pub async fn stop(
    desk: &Desk,
    actor: &Actor,
    project: &Project,
    demo: &Demo,
) -> Result<(), WorkflowError> {
    let Some(preview) = &demo.preview else {
        return Ok(());
    };
    end(preview).await;
    demos::stopped(desk, actor, project, demo.number).await?;
    Ok(())
}

/// Ends all previews of a project.
pub async fn stop_all(desk: &Desk, actor: &Actor, project: &Project) -> Result<(), WorkflowError> {
    let all = demos::list(desk, project).await?;
    let running = all.iter().filter_map(|demo| demo.preview.as_ref());
    futures_util::future::join_all(running.map(end)).await;
    for demo in &all {
        stop(desk, actor, project, demo).await?;
    }
    Ok(())
}

/// Ends the preview of every demo of which the records know none: it was started, and whoever
/// started it died before it was noted.
pub(super) async fn end_forgotten(site: &Site) -> Result<(), WorkflowError> {
    for demo in demos::list(&site.desk, site.project()).await? {
        if demo.preview.is_none() {
            let ticket = site.paths.demo(demo.number).join(TICKET);
            match std::fs::remove_file(&ticket) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(WorkflowError::io(ticket)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Whether a process runs on this host.
fn is_alive(preview: &PreviewProcess) -> bool {
    preview.host == Host::this().digest && process::is_alive(preview.pid, preview.start)
}

async fn end(preview: &PreviewProcess) {
    if preview.host != Host::this().digest {
        let pid = preview.pid;
        tracing::warn!("the preview (pid {pid}) is on another host; it ends there with that host");
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        if !is_alive(preview) {
            return;
        }
        let Ok(pid) = i32::try_from(preview.pid) else {
            return;
        };
        // It may end by itself at any moment; then there is nothing to signal.
        let _ = kill(Pid::from_raw(pid), signal);
        for _ in 0..PATIENCE.as_millis() / 20 {
            if !is_alive(preview) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts a process that serves `commit`; inside are where it answers, or why it does not.
async fn start(
    site: &Site,
    number: u32,
    commit: &CommitId,
) -> Result<Result<(String, PreviewProcess), String>, WorkflowError> {
    let root = site.paths.demo(number);
    let plan = plans::approved(&site.desk, site.project()).await?;
    let secrets = site.secrets_for(SecretUse::Previews).await?;
    let order = order(site, root, plan.preview, Secrets::of(&secrets));
    lay_out(site, &order, commit).await?;
    let wait = site.config.stages.demo_health + START_UP;
    let mut command = process::command(&site.exe);
    command
        .arg(HOST_COMMAND)
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(false);
    let mut child = command.spawn().map_err(WorkflowError::io(&site.exe))?;
    let answered = tokio::time::timeout(wait, converse(&mut child, &order)).await;
    let answer = match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(source)) => Answer::Failed {
            reason: format!("its process broke off: {source}"),
        },
        Err(_) => Answer::Failed {
            reason: format!("nothing within {} s", wait.as_secs()),
        },
    };
    let pid = child.id().unwrap_or_default();
    match (answer, process::start_of(pid)) {
        (Answer::Ready { url }, Some(start)) => {
            let host = Host::this().digest;
            Ok(Ok((url, PreviewProcess { host, pid, start })))
        }
        (Answer::Ready { .. }, None) => Ok(Err("its process ended".to_owned())),
        (Answer::Failed { reason }, _) => {
            // It may have ended by itself.
            let _ = child.kill().await;
            Ok(Err(reason))
        }
    }
}

async fn converse(child: &mut tokio::process::Child, order: &Order) -> std::io::Result<Answer> {
    let missing = || std::io::Error::other("a pipe is missing");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    // Through a pipe: what stands on a command line can be read by everybody.
    let told = Zeroizing::new(serde_json::to_vec(order)?);
    stdin.write_all(&told).await?;
    drop(stdin);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

async fn lay_out(site: &Site, order: &Order, commit: &CommitId) -> Result<(), WorkflowError> {
    let root = &order.root;
    site.firm().await?;
    remove_tree(root).await?;
    workspace::lay_out(site, root, commit).await?;
    let ticket = root.join(TICKET);
    std::fs::write(&ticket, &order.ticket).map_err(WorkflowError::io(ticket))
}

fn order(site: &Site, root: PathBuf, plan: PreviewPlan, secrets: Secrets) -> Order {
    let (source, path) = match plan {
        PreviewPlan::Static { directory } => (Source::Static(directory.into()), "/".to_owned()),
        PreviewPlan::Command {
            command,
            port,
            path,
        } => (
            Source::Command {
                line: command,
                port,
            },
            path,
        ),
    };
    Order {
        root,
        ticket: Uuid::new_v4().to_string(),
        source,
        path,
        health_seconds: site.config.stages.demo_health.as_secs(),
        tmp_bytes: site.config.sandbox.tmp_bytes,
        disk_bytes: site.config.sandbox.disk_bytes,
        landlock: site.config.sandbox.landlock,
        user: site.user.map(|user| (user.uid, user.gid)),
        sandboxed: site.is_sandboxed(),
        secrets,
        docker: site.docker().cloned(),
    }
}

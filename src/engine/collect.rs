//! The way back of an agent's work: from its clone, which it may have filled with anything, into
//! the project's repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::error::WorkflowError;
use super::worker::Worker;
use super::{trial, workspace};
use eklavya_core::domain::agent::Agent;
use eklavya_core::domain::checkpoint::{Checkpoint, CheckpointState};
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::ids::CheckpointId;
use eklavya_core::domain::task::Task;
use eklavya_git::{
    ImportLimits, Imported, LeftOut, Snapshot, SnapshotLimits, bundle_argv, still_there,
};
use eklavya_sandbox::policy::{FileAccess, GitAccess, policy};
use eklavya_sandbox::{Access, Dirs, Inner, Profile, Spec, Streams};
use eklavya_services::agents;

/// How long packing an agent's commits may take.
const BUNDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// An agent's work as a commit of the project's repository.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    /// The commit.
    pub commit: CommitId,
    /// Paths that the role may not write. The mounts prevent it; this is the second look.
    pub forbidden: Vec<String>,
    /// What could not be part of the commit, one line each.
    pub left_out: Vec<String>,
    /// What holds keys or secrets and is in no commit for that, one line each.
    pub withheld: Vec<String>,
}

/// Brings an agent's work in: its own commits, and on top of them its files as they are.
///
/// The agent must have ended.
pub(super) async fn collect(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
    message: &str,
) -> Result<Collected, WorkflowError> {
    let base = base_of(task)?;
    let own = own_commits(worker, agent, &base).await?;
    let tip = own.tip.unwrap_or_else(|| base.clone());
    let message = &worker.site.desk.redactor().text(message);
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let files = record(worker, agent, task, &tip, &refname, message).await?;
    let forbidden = match policy(task.role).files {
        FileAccess::Full => Vec::new(),
        FileAccess::Read => {
            worker
                .site
                .repository
                .restrict(&files.commit, &base, &[])
                .await?
        }
        FileAccess::Write(prefixes) => {
            worker
                .site
                .repository
                .restrict(&files.commit, &base, prefixes)
                .await?
        }
    };
    let (secret, other): (Vec<_>, Vec<_>) = files
        .left_out
        .into_iter()
        .partition(|out| out.reason.is_secret());
    // Both may have found the same.
    let withheld: BTreeSet<String> = own.withheld.iter().chain(&secret).map(line).collect();
    Ok(Collected {
        commit: files.commit,
        forbidden,
        left_out: other.iter().map(line).collect(),
        withheld: withheld.into_iter().collect(),
    })
}

fn line(out: &LeftOut) -> String {
    format!("{}: {}", out.path, out.reason)
}

/// An agent's own commits, as far as they were taken in.
#[derive(Debug, Default)]
struct Own {
    tip: Option<CommitId>,
    /// The files for which they were not.
    withheld: Vec<LeftOut>,
}

/// Records an agent's files as they are now, without its own commits.
pub(super) async fn snapshot(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
) -> Result<Snapshot, WorkflowError> {
    let refname = format!("refs/eklavya/snapshots/{}", agent.id);
    record(
        worker,
        agent,
        task,
        &base_of(task)?,
        &refname,
        "Files under test",
    )
    .await
}

/// Keeps where an agent stopped: its files as a commit, and how to go on.
///
/// An agent that had no clone yet has nothing to keep.
pub(super) async fn checkpoint(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
    reason: &str,
) -> Result<(), WorkflowError> {
    let dirs = Dirs::at(&worker.site.paths.session(agent.session));
    if !workspace::has_files(&dirs.clone) || task.base_commit.is_none() {
        return Ok(());
    }
    let id = CheckpointId::random();
    let refname = format!("refs/eklavya/checkpoints/{id}");
    let message = format!(
        "Checkpoint of {} {}: {reason}",
        agent.role,
        agent.id.short()
    );
    let files = record(worker, agent, task, &base_of(task)?, &refname, &message).await?;
    let checkpoint = Checkpoint {
        id,
        project: agent.project,
        agent: agent.id,
        state: CheckpointState {
            task: task.key.clone(),
            attempt: agent.attempt,
            session: agent.session,
            reason: reason.to_owned(),
        },
        file_snapshot: files.commit,
        resume_instructions: format!(
            "run the command for the stage of {} again: task {} goes on in its conversation",
            worker.site.project().slug,
            task.key
        ),
        created_at: worker.site.desk.now(),
    };
    agents::checkpoint(&worker.site.desk, &checkpoint).await?;
    Ok(())
}

fn base_of(task: &Task) -> Result<CommitId, WorkflowError> {
    task.base_commit.clone().ok_or_else(|| {
        WorkflowError::Failed(format!("task {} has no commit to start from", task.key))
    })
}

async fn record(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
    parent: &CommitId,
    refname: &str,
    message: &str,
) -> Result<Snapshot, WorkflowError> {
    let dirs = Dirs::at(&worker.site.paths.session(agent.session));
    let author = workspace::author(task).at(worker.site.desk.now());
    let limits = SnapshotLimits::default();
    Ok(worker
        .site
        .repository
        .snapshot(&dirs.clone, parent, refname, &author, message, limits)
        .await?)
}

/// Fetches the commits that the agent made itself. Its `.git` may hold anything, so git reads it
/// only inside a sandbox, and only a bundle comes out.
async fn own_commits(
    worker: &Worker,
    agent: &Agent,
    base: &CommitId,
) -> Result<Own, WorkflowError> {
    if policy(agent.role).git != GitAccess::Full {
        return Ok(Own::default());
    }
    let session = worker.site.paths.session(agent.session);
    let bundle = session.join(format!("{}.bundle", agent.id));
    let made = make_bundle(worker, agent, base, &bundle).await?;
    let found = if made {
        import(worker, agent, base, &bundle).await?
    } else {
        Own::default()
    };
    match std::fs::remove_file(&bundle) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(WorkflowError::Io {
            path: bundle,
            source: error,
        }),
        Ok(()) | Err(_) => Ok(found),
    }
}

async fn make_bundle(
    worker: &Worker,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<bool, WorkflowError> {
    let dirs = Dirs::at(&worker.site.paths.session(agent.session));
    let mut spec = Spec::new(Profile::Command(Access::Read), &dirs);
    spec.user = worker.site.user;
    let argv = bundle_argv(base);
    let mut inner = Inner::new("/usr/bin/env", argv);
    for (name, value) in trial::ENVIRONMENT {
        inner = inner.env(*name, *value);
    }
    let file = std::fs::File::create(bundle).map_err(WorkflowError::io(bundle))?;
    let streams = Streams {
        stdin: Stdio::null(),
        stdout: file.into(),
        stderr: Stdio::null(),
    };
    let mut child = worker.site.sandbox.spawn(&spec, inner, streams).await?;
    if let Ok(exit) = tokio::time::timeout(BUNDLE_TIMEOUT, child.wait()).await {
        return Ok(exit?.is_success());
    }
    child.kill_tree().await?;
    Ok(false)
}

async fn import(
    worker: &Worker,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<Own, WorkflowError> {
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let imported = worker
        .site
        .repository
        .import_bundle(bundle, base, &refname, ImportLimits::default())
        .await?;
    match imported {
        Imported::History(tip) => Ok(Own {
            tip: Some(tip),
            ..Own::default()
        }),
        Imported::Nothing => Ok(Own::default()),
        Imported::Withheld { files } => {
            let session = worker.site.paths.session(agent.session);
            tracing::warn!(
                "the commits of agent {} hold keys or secrets and are not kept; its files are",
                agent.id.short()
            );
            Ok(Own {
                withheld: still_there(&Dirs::at(&session).clone, files)?,
                ..Own::default()
            })
        }
        Imported::Discarded { reason } => {
            tracing::warn!(
                "the commits of agent {} were discarded: {reason}",
                agent.id.short()
            );
            Ok(Own::default())
        }
    }
}

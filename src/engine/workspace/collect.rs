//! The way back of an agent's work: from its clone, which it may have filled with anything, into
//! the project's repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::workspace::{clone, command};
use eklavya_core::agent::Agent;
use eklavya_core::agent::checkpoint::{Checkpoint, CheckpointState};
use eklavya_core::ids::CheckpointId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::Task;
use eklavya_git::{
    ExcludedPath, ImportLimits, ImportOutcome, SnapshotLimits, WorkTreeSnapshot, bundle_argv,
    retain_existing,
};
use eklavya_sandbox::role_policy::{FileAccess, GitAccess, role_policy};
use eklavya_sandbox::{
    MountAccess, ProgramSpec, SandboxProfile, SandboxSpec, StdioStreams, WorkspaceDirs,
};
use eklavya_services::agents;

/// How long packing an agent's commits may take.
const BUNDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// An agent's work as a commit of the project's repository.
#[derive(Debug, Clone)]
pub(crate) struct CollectedCommit {
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
pub(crate) async fn collect_work(
    worker: &ProjectRun,
    agent: &Agent,
    task: &Task,
    message: &str,
) -> Result<CollectedCommit, EngineError> {
    let base = require_base(task)?;
    let own = import_own_commits(worker, agent, &base).await?;
    let tip = own.tip.unwrap_or_else(|| base.clone());
    let message = &worker.site.data.redactor().redact_text(message);
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let files = record_files(worker, agent, task, &tip, &refname, message).await?;
    let forbidden = match role_policy(task.role).files {
        FileAccess::Full => Vec::new(),
        FileAccess::Read => {
            worker
                .site
                .repository
                .paths_outside(&files.commit, &base, &[])
                .await?
        }
        FileAccess::Write(prefixes) => {
            worker
                .site
                .repository
                .paths_outside(&files.commit, &base, prefixes)
                .await?
        }
    };
    let (secret, other): (Vec<_>, Vec<_>) = files
        .left_out
        .into_iter()
        .partition(|out| out.reason.is_secret());
    // Both may have found the same.
    let withheld: BTreeSet<String> = own
        .withheld
        .iter()
        .chain(&secret)
        .map(left_out_line)
        .collect();
    Ok(CollectedCommit {
        commit: files.commit,
        forbidden,
        left_out: other.iter().map(left_out_line).collect(),
        withheld: withheld.into_iter().collect(),
    })
}

fn left_out_line(out: &ExcludedPath) -> String {
    format!("{}: {}", out.path, out.reason)
}

/// An agent's own commits, as far as they were taken in.
#[derive(Debug, Default)]
struct OwnCommits {
    tip: Option<CommitId>,
    /// The files for which they were not.
    withheld: Vec<ExcludedPath>,
}

/// Records an agent's files as they are now, without its own commits.
pub(crate) async fn snapshot_files(
    worker: &ProjectRun,
    agent: &Agent,
    task: &Task,
) -> Result<WorkTreeSnapshot, EngineError> {
    let refname = format!("refs/eklavya/snapshots/{}", agent.id);
    record_files(
        worker,
        agent,
        task,
        &require_base(task)?,
        &refname,
        "Files under test",
    )
    .await
}

/// Keeps where an agent stopped: its files as a commit, and how to go on.
///
/// An agent that had no clone yet has nothing to keep.
pub(crate) async fn checkpoint_agent(
    worker: &ProjectRun,
    agent: &Agent,
    task: &Task,
    reason: &str,
) -> Result<(), EngineError> {
    let dirs = WorkspaceDirs::below(&worker.site.paths.session(agent.session));
    if !clone::has_files(&dirs.clone) || task.base_commit.is_none() {
        return Ok(());
    }
    let id = CheckpointId::random();
    let refname = format!("refs/eklavya/checkpoints/{id}");
    let message = format!(
        "Checkpoint of {} {}: {reason}",
        agent.role,
        agent.id.short()
    );
    let files = record_files(
        worker,
        agent,
        task,
        &require_base(task)?,
        &refname,
        &message,
    )
    .await?;
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
        created_at: worker.site.data.now(),
    };
    agents::save_checkpoint(&worker.site.data, &checkpoint).await?;
    Ok(())
}

fn require_base(task: &Task) -> Result<CommitId, EngineError> {
    task.base_commit.clone().ok_or_else(|| {
        EngineError::Failed(format!("task {} has no commit to start from", task.key))
    })
}

async fn record_files(
    worker: &ProjectRun,
    agent: &Agent,
    task: &Task,
    parent: &CommitId,
    refname: &str,
    message: &str,
) -> Result<WorkTreeSnapshot, EngineError> {
    let dirs = WorkspaceDirs::below(&worker.site.paths.session(agent.session));
    let author = clone::task_author(task).at(worker.site.data.now());
    let limits = SnapshotLimits::default();
    Ok(worker
        .site
        .repository
        .snapshot(&dirs.clone, parent, refname, &author, message, limits)
        .await?)
}

/// Fetches the commits that the agent made itself. Its `.git` may hold anything, so git reads it
/// only inside a sandbox, and only a bundle comes out.
async fn import_own_commits(
    worker: &ProjectRun,
    agent: &Agent,
    base: &CommitId,
) -> Result<OwnCommits, EngineError> {
    if role_policy(agent.role).git != GitAccess::Full {
        return Ok(OwnCommits::default());
    }
    let session = worker.site.paths.session(agent.session);
    let bundle = session.join(format!("{}.bundle", agent.id));
    let made = make_bundle(worker, agent, base, &bundle).await?;
    let found = if made {
        import_bundle(worker, agent, base, &bundle).await?
    } else {
        OwnCommits::default()
    };
    match std::fs::remove_file(&bundle) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(EngineError::Io {
            path: bundle,
            source: error,
        }),
        Ok(()) | Err(_) => Ok(found),
    }
}

async fn make_bundle(
    worker: &ProjectRun,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<bool, EngineError> {
    let dirs = WorkspaceDirs::below(&worker.site.paths.session(agent.session));
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Read), &dirs);
    spec.user = worker.site.user;
    let argv = bundle_argv(base);
    let mut inner = ProgramSpec::new("/usr/bin/env", argv);
    for (name, value) in command::COMMAND_ENVIRONMENT {
        inner = inner.env(*name, *value);
    }
    let file = std::fs::File::create(bundle).map_err(EngineError::io(bundle))?;
    let streams = StdioStreams {
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

async fn import_bundle(
    worker: &ProjectRun,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<OwnCommits, EngineError> {
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let imported = worker
        .site
        .repository
        .import_bundle(bundle, base, &refname, ImportLimits::default())
        .await?;
    match imported {
        ImportOutcome::History(tip) => Ok(OwnCommits {
            tip: Some(tip),
            ..OwnCommits::default()
        }),
        ImportOutcome::Nothing => Ok(OwnCommits::default()),
        ImportOutcome::Withheld { files } => {
            let session = worker.site.paths.session(agent.session);
            tracing::warn!(
                "the commits of agent {} hold keys or secrets and are not kept; its files are",
                agent.id.short()
            );
            Ok(OwnCommits {
                withheld: retain_existing(&WorkspaceDirs::below(&session).clone, files)?,
                ..OwnCommits::default()
            })
        }
        ImportOutcome::Discarded { reason } => {
            tracing::warn!(
                "the commits of agent {} were discarded: {reason}",
                agent.id.short()
            );
            Ok(OwnCommits::default())
        }
    }
}

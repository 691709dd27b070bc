//! Collecting the work of an agent from its clone, whose content is not trusted, into the repository
//! of the project.

use std::collections::BTreeSet;

use super::own_commits::import_own_commits;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::clone;
use eklavya_core::agent::Agent;
use eklavya_core::agent::checkpoint::{Checkpoint, CheckpointState};
use eklavya_core::agent::role::Role;
use eklavya_core::ids::CheckpointId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::Task;
use eklavya_git::{ExcludedPath, ProjectRepository, SnapshotLimits, WorkTreeSnapshot};
use eklavya_sandbox::WorkspaceDirs;
use eklavya_sandbox::role_policy::{FileAccess, role_policy};
use eklavya_services::agents;

/// An agent's work as a commit of the project's repository.
#[derive(Debug, Clone)]
pub(crate) struct CollectedCommit {
    pub commit: CommitId,
    /// Paths that the role may not write. The mounts prevent such changes; this is the second check.
    pub forbidden: Vec<String>,
    /// The files that could not become part of the commit, one line each.
    pub left_out: Vec<String>,
    /// The files that are in no commit because they contain keys or secrets, one line each.
    pub withheld: Vec<String>,
}

/// Collects the agent's own commits, and on top of them a commit of its files as they are.
///
/// The agent must have ended.
pub(crate) async fn collect_work(
    site: &Site,
    agent: &Agent,
    task: &Task,
    message: &str,
) -> Result<CollectedCommit, EngineError> {
    let base = require_base(task)?;
    let own = import_own_commits(site, agent, &base).await?;
    let tip = own.tip.unwrap_or_else(|| base.clone());
    let message = &site.data.redactor().redact_text(message);
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let files = record_files(site, agent, task, &tip, &refname, message).await?;
    let forbidden = find_forbidden_paths(&site.repository, task.role, &files.commit, &base).await?;
    let (secret, other): (Vec<_>, Vec<_>) = files
        .left_out
        .into_iter()
        .partition(|out| out.reason.is_secret());
    // Both may name the same file.
    let withheld = own.withheld.iter().chain(&secret);
    let withheld: BTreeSet<String> = withheld.map(left_out_line).collect();
    Ok(CollectedCommit {
        commit: files.commit,
        forbidden,
        left_out: other.iter().map(left_out_line).collect(),
        withheld: withheld.into_iter().collect(),
    })
}

/// Returns the paths that changed since `base` and that the role may not write.
async fn find_forbidden_paths(
    repository: &ProjectRepository,
    role: Role,
    commit: &CommitId,
    base: &CommitId,
) -> Result<Vec<String>, EngineError> {
    let writable: &[&str] = match role_policy(role).files {
        FileAccess::Full => return Ok(Vec::new()),
        FileAccess::Read => &[],
        FileAccess::Write(prefixes) => prefixes,
    };
    Ok(repository.paths_outside(commit, base, writable).await?)
}

fn left_out_line(out: &ExcludedPath) -> String {
    format!("{}: {}", out.path, out.reason)
}

/// Records an agent's files as they are now, without its own commits.
pub(crate) async fn snapshot_files(
    site: &Site,
    agent: &Agent,
    task: &Task,
) -> Result<WorkTreeSnapshot, EngineError> {
    let refname = format!("refs/eklavya/snapshots/{}", agent.id);
    record_files(
        site,
        agent,
        task,
        &require_base(task)?,
        &refname,
        "Files under test",
    )
    .await
}

/// Records the files of a stopped agent as a commit, and how to resume its conversation. Does
/// nothing if the agent had no clone yet.
pub(crate) async fn checkpoint_agent(
    site: &Site,
    agent: &Agent,
    task: &Task,
    reason: &str,
) -> Result<(), EngineError> {
    let dirs = WorkspaceDirs::below(&site.paths.session(agent.session));
    if !clone::has_files(&dirs.clone) || task.base_commit.is_none() {
        return Ok(());
    }
    let id = CheckpointId::random();
    let refname = format!("refs/eklavya/checkpoints/{id}");
    let (role, short_id) = (agent.role, agent.id.short());
    let message = format!("Checkpoint of {role} {short_id}: {reason}");
    let files = record_files(site, agent, task, &require_base(task)?, &refname, &message).await?;
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
        resume_instructions: resume_instructions(site, task),
        created_at: site.data.now(),
    };
    agents::save_checkpoint(&site.data, &checkpoint).await?;
    Ok(())
}

fn resume_instructions(site: &Site, task: &Task) -> String {
    format!(
        "run the command for the stage of {} again: task {} resumes its conversation",
        site.project().slug,
        task.key
    )
}

pub(crate) fn require_base(task: &Task) -> Result<CommitId, EngineError> {
    task.base_commit.clone().ok_or_else(|| {
        EngineError::Failed(format!("task {} has no commit to start from", task.key))
    })
}

async fn record_files(
    site: &Site,
    agent: &Agent,
    task: &Task,
    parent: &CommitId,
    refname: &str,
    message: &str,
) -> Result<WorkTreeSnapshot, EngineError> {
    let dirs = WorkspaceDirs::below(&site.paths.session(agent.session));
    let author = clone::task_author(task).at(site.data.now());
    let limits = SnapshotLimits::default();
    Ok(site
        .repository
        .snapshot(&dirs.clone, parent, refname, &author, message, limits)
        .await?)
}

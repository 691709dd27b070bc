//! A conversation's workspace: the clone that its agents work in, with home, tmp and door.

use std::io;
use std::path::{Path, PathBuf};

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use eklavya_claude::cli::unfinished_write::is_unfinished_write;
use eklavya_core::ids::SessionId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::Task;
use eklavya_git::{GitIdentity, SnapshotLimits, remove_tree};
use eklavya_sandbox::{SandboxUser, WorkspaceDirs, chown_tree};

/// The name of the branch that an agent works on in its clone.
pub(crate) const BRANCH: &str = "work";

/// Returns the directories of a conversation, made where they are missing.
pub(crate) fn prepare_session_dirs(
    worker: &ProjectRun,
    session: SessionId,
) -> Result<WorkspaceDirs, EngineError> {
    let dirs = WorkspaceDirs::below(&worker.site.paths.session(session));
    dirs.create(worker.site.user)?;
    Ok(dirs)
}

/// Makes sure that the conversation has a clone; a new one starts at `base`. In one that is there,
/// an agent that was killed may have left a file that it was about to write: its checkpoint has it,
/// and it is no part of the work.
pub(crate) async fn ensure_clone(
    worker: &ProjectRun,
    task: &Task,
    dirs: &WorkspaceDirs,
    base: &CommitId,
) -> Result<(), EngineError> {
    if is_repository(&dirs.clone) {
        let repository = &worker.site.repository;
        let removed = repository.remove_untracked(&dirs.clone, base, is_unfinished_write);
        for path in removed.await? {
            tracing::info!(task = %task.key, path, "removed what was left of an unfinished write");
        }
        return Ok(());
    }
    let start = snapshot_orphaned_files(worker, task, dirs, base).await?;
    let (repository, author) = (&worker.site.repository, task_author(task));
    repository
        .clone_for_agent(
            &dirs.clone,
            &start,
            BRANCH,
            &author,
            owner_handover(worker.site.user),
        )
        .await?;
    Ok(())
}

/// Returns what gives a new clone to `user`, where agents are another user.
pub(crate) fn owner_handover(user: Option<SandboxUser>) -> impl FnOnce(&Path) -> io::Result<()> {
    move |clone| match user {
        Some(user) => chown_tree(clone, user).map_err(io::Error::other),
        None => Ok(()),
    }
}

/// Whether the clone has what makes a repository; an agent may have removed any of it.
fn is_repository(clone: &Path) -> bool {
    let there = |name: &str| clone.join(".git").join(name).symlink_metadata().is_ok();
    ["HEAD", "objects", "refs"].into_iter().all(there)
}

/// Returns the commit that a new clone starts from: `base`, or, where an agent has removed its
/// `.git`, a commit of the files that it left, which make room for the new clone.
async fn snapshot_orphaned_files(
    worker: &ProjectRun,
    task: &Task,
    dirs: &WorkspaceDirs,
    base: &CommitId,
) -> Result<CommitId, EngineError> {
    if !has_files(&dirs.clone) {
        return Ok(base.clone());
    }
    let refname = format!("refs/eklavya/snapshots/{}", task.id);
    let author = task_author(task).at(worker.site.data.now());
    let message = "Files of a clone without its .git";
    let limits = SnapshotLimits::default();
    let repository = &worker.site.repository;
    let files = repository
        .snapshot(&dirs.clone, base, &refname, &author, message, limits)
        .await?;
    worker.site.ensure_lease_held().await?;
    remove_tree(&dirs.clone).await?;
    Ok(files.commit)
}

/// Whether a clone was made in this directory: it appears with all its files at once.
pub(crate) fn has_files(clone: &Path) -> bool {
    std::fs::read_dir(clone).is_ok_and(|mut entries| entries.next().is_some())
}

/// Writes the files of `commit`, without a history, into new directories below `root` for a throw-away
/// run, and gives them to whom the processes run as.
pub(crate) async fn checkout_throwaway(
    site: &Site,
    root: &Path,
    commit: &CommitId,
) -> Result<WorkspaceDirs, EngineError> {
    let dirs = WorkspaceDirs::below(root);
    dirs.create(site.user)?;
    site.repository.checkout_tree(commit, &dirs.clone).await?;
    if let Some(user) = site.user {
        chown_tree(&dirs.clone, user)?;
    }
    Ok(dirs)
}

/// Removes the clone of a conversation, so that the next agent gets a fresh one; what it held is
/// kept in the repository under `refs/eklavya/agents/`.
pub(crate) async fn discard_clone(
    worker: &ProjectRun,
    session: SessionId,
) -> Result<(), EngineError> {
    worker.site.ensure_lease_held().await?;
    Ok(remove_tree(&WorkspaceDirs::below(&worker.site.paths.session(session)).clone).await?)
}

/// Removes everything of a conversation: the next agent of its task begins another.
pub(crate) async fn discard_session(
    worker: &ProjectRun,
    session: SessionId,
) -> Result<(), EngineError> {
    Ok(remove_tree(&worker.site.paths.session(session)).await?)
}

/// Returns who the commits of a task's agents are by.
pub(crate) fn task_author(task: &Task) -> GitIdentity {
    let role = task.role.name();
    let mut name = role.to_owned();
    name[..1].make_ascii_uppercase();
    GitIdentity::new(
        &format!("{name} ({})", task.key),
        &format!("{role}@agents.eklavya.invalid"),
    )
}

/// Whether the CLI has recorded the conversation in this home, so that it can be resumed.
pub(crate) fn has_recorded_session(home: &Path, session: SessionId) -> bool {
    let projects: PathBuf = home.join(".claude").join("projects");
    let Ok(entries) = std::fs::read_dir(projects) else {
        return false;
    };
    entries.flatten().any(|entry| {
        entry
            .path()
            .join(format!("{session}.jsonl"))
            .symlink_metadata()
            .is_ok()
    })
}

//! A conversation's workspace: the clone that its agents work in, with home, tmp and door.

use std::io;
use std::path::{Path, PathBuf};

use super::error::WorkflowError;
use super::site::Site;
use super::worker::Worker;
use eklavya_claude::unfinished::is_unfinished_write;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::ids::SessionId;
use eklavya_core::domain::task::Task;
use eklavya_git::{Identity, SnapshotLimits, remove_tree};
use eklavya_sandbox::{Dirs, User, hand_over};

/// The name of the branch that an agent works on in its clone.
pub(super) const BRANCH: &str = "work";

/// Returns the directories of a conversation, made where they are missing.
pub(super) fn prepare(worker: &Worker, session: SessionId) -> Result<Dirs, WorkflowError> {
    let dirs = Dirs::at(&worker.site.paths.session(session));
    dirs.prepare(worker.site.user)?;
    Ok(dirs)
}

/// Makes sure that the conversation has a clone; a new one starts at `base`. In one that is there,
/// an agent that was killed may have left a file that it was about to write: its checkpoint has it,
/// and it is no part of the work.
pub(super) async fn ensure_clone(
    worker: &Worker,
    task: &Task,
    dirs: &Dirs,
    base: &CommitId,
) -> Result<(), WorkflowError> {
    if is_repository(&dirs.clone) {
        let repository = &worker.site.repository;
        let removed = repository.remove_untracked(&dirs.clone, base, is_unfinished_write);
        for path in removed.await? {
            tracing::info!(task = %task.key, path, "removed what was left of an unfinished write");
        }
        return Ok(());
    }
    let start = rescue(worker, task, dirs, base).await?;
    let (repository, author) = (&worker.site.repository, author(task));
    repository
        .clone_for_agent(&dirs.clone, &start, BRANCH, &author, to(worker.site.user))
        .await?;
    Ok(())
}

/// Returns what gives a new clone to `user`, where agents are another user.
pub(super) fn to(user: Option<User>) -> impl FnOnce(&Path) -> io::Result<()> {
    move |clone| match user {
        Some(user) => hand_over(clone, user).map_err(io::Error::other),
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
async fn rescue(
    worker: &Worker,
    task: &Task,
    dirs: &Dirs,
    base: &CommitId,
) -> Result<CommitId, WorkflowError> {
    if !has_files(&dirs.clone) {
        return Ok(base.clone());
    }
    let refname = format!("refs/eklavya/snapshots/{}", task.id);
    let author = author(task).at(worker.site.desk.now());
    let message = "Files of a clone without its .git";
    let limits = SnapshotLimits::default();
    let repository = &worker.site.repository;
    let files = repository
        .snapshot(&dirs.clone, base, &refname, &author, message, limits)
        .await?;
    worker.site.firm().await?;
    remove_tree(&dirs.clone).await?;
    Ok(files.commit)
}

/// Whether a clone was made in this directory: it appears with all its files at once.
pub(super) fn has_files(clone: &Path) -> bool {
    std::fs::read_dir(clone).is_ok_and(|mut entries| entries.next().is_some())
}

/// Writes the files of `commit`, without a history, into new directories below `root` for a throw-away
/// run, and gives them to whom the processes run as.
pub(super) async fn lay_out(
    site: &Site,
    root: &Path,
    commit: &CommitId,
) -> Result<Dirs, WorkflowError> {
    let dirs = Dirs::at(root);
    dirs.prepare(site.user)?;
    site.repository.checkout_tree(commit, &dirs.clone).await?;
    if let Some(user) = site.user {
        hand_over(&dirs.clone, user)?;
    }
    Ok(dirs)
}

/// Removes the clone of a conversation, so that the next agent gets a fresh one; what it held is
/// kept in the repository under `refs/eklavya/agents/`.
pub(super) async fn discard_clone(
    worker: &Worker,
    session: SessionId,
) -> Result<(), WorkflowError> {
    worker.site.firm().await?;
    Ok(remove_tree(&Dirs::at(&worker.site.paths.session(session)).clone).await?)
}

/// Removes everything of a conversation: the next agent of its task begins another.
pub(super) async fn discard(worker: &Worker, session: SessionId) -> Result<(), WorkflowError> {
    Ok(remove_tree(&worker.site.paths.session(session)).await?)
}

/// Returns who the commits of a task's agents are by.
pub(super) fn author(task: &Task) -> Identity {
    let role = task.role.name();
    let mut name = role.to_owned();
    name[..1].make_ascii_uppercase();
    Identity::new(
        &format!("{name} ({})", task.key),
        &format!("{role}@agents.eklavya.invalid"),
    )
}

/// Whether the CLI has recorded the conversation in this home, so that it can be resumed.
pub(super) fn is_recorded(home: &Path, session: SessionId) -> bool {
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

//! The workspace of a conversation: the clone that its agents work in, with home, tmp and door.

use std::io;
use std::path::{Path, PathBuf};

use crate::context::error::EngineError;
use crate::context::paths::ProjectPaths;
use crate::context::site::Site;
use eklavya_claude::cli::unfinished_write::is_unfinished_write;
use eklavya_core::ids::SessionId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::Task;
use eklavya_git::{GitIdentity, SnapshotLimits, remove_tree};
use eklavya_sandbox::{SandboxUser, WorkspaceDirs, chown_tree};

/// The branch of a clone that its agent works on.
pub(crate) const BRANCH: &str = "work";

/// Creates the missing directories of a conversation, and returns all of them.
pub(crate) fn prepare_session_dirs(
    site: &Site,
    session: SessionId,
) -> Result<WorkspaceDirs, EngineError> {
    let dirs = WorkspaceDirs::below(&site.paths.session(session));
    dirs.create(site.user)?;
    Ok(dirs)
}

/// Returns the commit that an attempt at the task starts from: that of the conversation that it
/// resumes, or the tip of main.
pub(crate) async fn choose_base(site: &Site, task: &Task) -> Result<CommitId, EngineError> {
    match &task.base_commit {
        Some(base) if task.session.is_some() => Ok(base.clone()),
        Some(_) | None => site.main_commit().await,
    }
}

/// Creates the clone of the conversation at `base`, unless it exists. In an existing clone, removes
/// the unfinished writes of a killed agent: they are in its checkpoint and not part of the work.
pub(crate) async fn ensure_clone(
    site: &Site,
    task: &Task,
    dirs: &WorkspaceDirs,
    base: &CommitId,
) -> Result<(), EngineError> {
    if is_repository(&dirs.clone) {
        let repository = &site.repository;
        let removed = repository.remove_untracked(&dirs.clone, base, is_unfinished_write);
        for path in removed.await? {
            tracing::info!(task = %task.key, path, "removed the rest of an unfinished write");
        }
        return Ok(());
    }
    let start = snapshot_orphaned_files(site, task, dirs, base).await?;
    let (author, handover) = (task_author(task), owner_handover(site.user));
    site.repository
        .clone_for_agent(&dirs.clone, &start, BRANCH, &author, handover)
        .await?;
    Ok(())
}

/// Returns the function that changes the owner of a new clone to `user`.
pub(crate) fn owner_handover(user: Option<SandboxUser>) -> impl FnOnce(&Path) -> io::Result<()> {
    move |clone| match user {
        Some(user) => chown_tree(clone, user).map_err(io::Error::other),
        None => Ok(()),
    }
}

/// Whether the clone has the parts of a repository; an agent may have removed any of them.
fn is_repository(clone: &Path) -> bool {
    let exists = |name: &str| clone.join(".git").join(name).symlink_metadata().is_ok();
    ["HEAD", "objects", "refs"].into_iter().all(exists)
}

/// Returns the commit that a new clone starts from: `base`, or, if an agent removed its `.git`, a
/// commit of the remaining files, which are then removed.
async fn snapshot_orphaned_files(
    site: &Site,
    task: &Task,
    dirs: &WorkspaceDirs,
    base: &CommitId,
) -> Result<CommitId, EngineError> {
    if !has_files(&dirs.clone) {
        return Ok(base.clone());
    }
    let refname = format!("refs/eklavya/snapshots/{}", task.id);
    let author = task_author(task).at(site.data.now());
    let message = "Files of a clone without its .git";
    let limits = SnapshotLimits::default();
    let repository = &site.repository;
    let files = repository
        .snapshot(&dirs.clone, base, &refname, &author, message, limits)
        .await?;
    site.ensure_lease_held().await?;
    remove_tree(&dirs.clone).await?;
    Ok(files.commit)
}

/// Whether a clone was made in this directory: a clone appears with all its files at once.
pub(crate) fn has_files(clone: &Path) -> bool {
    std::fs::read_dir(clone).is_ok_and(|mut entries| entries.next().is_some())
}

/// Writes the files of `commit`, without history, into new throw-away directories below `root`,
/// owned by the user that the processes run as.
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

/// Removes the clone of a conversation, so that the next agent gets a new one. The work is in the
/// repository below `refs/eklavya/agents/`.
pub(crate) async fn discard_clone(site: &Site, session: SessionId) -> Result<(), EngineError> {
    site.ensure_lease_held().await?;
    Ok(remove_tree(&WorkspaceDirs::below(&site.paths.session(session)).clone).await?)
}

/// Removes the home of a conversation, where the CLI records it, and keeps the clone: the next agent
/// starts a new conversation with the files of this one.
pub(crate) async fn discard_home(site: &Site, session: SessionId) -> Result<(), EngineError> {
    site.ensure_lease_held().await?;
    Ok(remove_tree(&WorkspaceDirs::below(&site.paths.session(session)).home).await?)
}

/// Removes all files of a conversation: the next agent of its task starts a new one.
pub(crate) async fn discard_session(
    paths: &ProjectPaths,
    session: SessionId,
) -> Result<(), EngineError> {
    Ok(remove_tree(&paths.session(session)).await?)
}

/// Returns the author of the commits of a task's agents.
pub(crate) fn task_author(task: &Task) -> GitIdentity {
    let role = task.role.name();
    let mut name = role.to_owned();
    name[..1].make_ascii_uppercase();
    GitIdentity::new(
        &format!("{name} ({})", task.key),
        &format!("{role}@agents.eklavya.invalid"),
    )
}

/// Whether the CLI recorded the conversation in this home, so that it can be resumed.
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

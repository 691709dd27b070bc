//! Merging: main moves only to a tree on which the test command exited with 0.

use tokio::sync::Mutex;

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::clone;
use crate::workspace::command::{self, SandboxedCommand};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::secret::SecretUse;
use eklavya_core::task::Task;
use eklavya_git::{MergeOutcome, ProjectRepository};

#[derive(Debug, Clone)]
pub(crate) enum MainMergeOutcome {
    /// The work is part of main as of this commit.
    Merged(CommitId),
    /// The work conflicts with main.
    Conflict {
        /// A commit with both sides, with conflict markers in `paths`.
        marked: CommitId,
        paths: Vec<String>,
    },
    /// The work still has conflict markers in these files.
    UnresolvedMarkers(Vec<String>),
    /// The test command failed on the merged tree.
    TestsFailed { merged: CommitId, output: String },
}

/// How often main may move during a merge before the merge fails; the lease makes it rare.
const MAX_RACES: u32 = 5;

/// Merges the work of a task into main. With a test command, main moves only if the command passes
/// on the merged tree.
pub(crate) async fn merge_into_main(
    site: &Site,
    merge_lock: &Mutex<()>,
    task: &Task,
    work: &CommitId,
    test_command: Option<&str>,
) -> Result<MainMergeOutcome, EngineError> {
    let _turn = merge_lock.lock().await;
    let unresolved = site.repository.unresolved_paths(work).await?;
    if !unresolved.is_empty() {
        return Ok(MainMergeOutcome::UnresolvedMarkers(unresolved));
    }
    for _ in 0..MAX_RACES {
        if let Some(outcome) = try_merge(site, task, work, test_command).await? {
            return Ok(outcome);
        }
    }
    Err(EngineError::Failed(format!(
        "main kept moving while {} was merged",
        task.key
    )))
}

/// Returns `None` if main moved in the meantime.
async fn try_merge(
    site: &Site,
    task: &Task,
    work: &CommitId,
    test_command: Option<&str>,
) -> Result<Option<MainMergeOutcome>, EngineError> {
    let main = site.main_commit().await?;
    let merged = match merge_candidate(site, task, work, &main).await? {
        MergeOutcome::AlreadyMerged => return Ok(Some(MainMergeOutcome::Merged(main))),
        MergeOutcome::Clean(commit) | MergeOutcome::FastForward(commit) => commit,
        MergeOutcome::Conflict { marked, paths, .. } => {
            return Ok(Some(MainMergeOutcome::Conflict { marked, paths }));
        }
    };
    if let Some(command) = test_command
        && let Some(output) = find_test_failure(site, &merged, command).await?
    {
        return Ok(Some(MainMergeOutcome::TestsFailed { merged, output }));
    }
    let repository = &site.repository;
    let moved = repository
        .compare_and_swap("refs/heads/main", Some(&main), &merged)
        .await?;
    Ok(moved.then_some(MainMergeOutcome::Merged(merged)))
}

async fn merge_candidate(
    site: &Site,
    task: &Task,
    work: &CommitId,
    main: &CommitId,
) -> Result<MergeOutcome, EngineError> {
    let work = replant_repair(&site.repository, task, work, main).await?;
    let (signature, title) = (
        site.signature(),
        format!("Merge {}: {}", task.key, task.title),
    );
    let merged = site.repository.merge(main, &work, &signature, &title);
    Ok(merged.await?)
}

/// Returns how the test command failed on `commit`, with its output; `None` if it passed.
async fn find_test_failure(
    site: &Site,
    commit: &CommitId,
    command: &str,
) -> Result<Option<String>, EngineError> {
    let sandboxed = SandboxedCommand::new(command).with_secrets(SecretUse::Tests);
    let outcome = command::run_on_commit(site, commit, &sandboxed).await?;
    if outcome.exit.is_success() {
        return Ok(None);
    }
    let exit = command::describe_exit(outcome.exit);
    Ok(Some(format!(
        "`{command}` ended with {exit}:\n{}",
        outcome.output
    )))
}

/// Removes a conflicting or failing merge that the agent had to repair from the history of the
/// repair, because every commit of main passed the tests. The same input gives the same commit.
async fn replant_repair(
    repository: &ProjectRepository,
    task: &Task,
    work: &CommitId,
    main: &CommitId,
) -> Result<CommitId, EngineError> {
    match &task.base_commit {
        Some(base) if !repository.is_ancestor(base, main).await? => {
            let author = clone::task_author(task).at(task.updated_at);
            let message = format!("{}: {} (repaired merge)", task.key, task.title);
            Ok(repository
                .commit_with_parents_of(work, base, &author, &message)
                .await?)
        }
        Some(_) | None => Ok(work.clone()),
    }
}

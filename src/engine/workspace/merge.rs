//! Merging: main moves only to a tree on which the test command exited with 0.

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::workspace::clone;
use crate::workspace::command::{self as trial, SandboxedCommand};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::secret::SecretUse;
use eklavya_core::task::Task;
use eklavya_git::MergeOutcome;

/// What became of an attempt to merge.
#[derive(Debug, Clone)]
pub(crate) enum MainMergeOutcome {
    /// It is part of main, as of this commit.
    Merged(CommitId),
    /// It contradicts main.
    Conflict {
        /// A commit that holds both, with conflict markers in these files.
        marked: CommitId,
        /// The files.
        paths: Vec<String>,
    },
    /// These files of it still hold the conflict markers that the agent was to resolve.
    UnresolvedMarkers(Vec<String>),
    /// The test command failed on the merged tree.
    TestsFailed {
        /// The merged tree.
        merged: CommitId,
        /// How the command ended, and what it printed.
        output: String,
    },
}

/// How often main may move under a merge before it is given up; the lease makes it rare.
const MAX_RACES: u32 = 5;

/// Merges a task's work into main; with a test command only where it passes on the merged tree.
pub(crate) async fn merge_into_main(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
    test_command: Option<&str>,
) -> Result<MainMergeOutcome, EngineError> {
    let _turn = worker.merge_lock.lock().await;
    let unresolved = worker.site.repository.unresolved_paths(work).await?;
    if !unresolved.is_empty() {
        return Ok(MainMergeOutcome::UnresolvedMarkers(unresolved));
    }
    for _ in 0..MAX_RACES {
        let main = worker.site.main_commit().await?;
        let work = &replant_repair(worker, task, work, &main).await?;
        let title = format!("Merge {}: {}", task.key, task.title);
        let candidate = match worker
            .site
            .repository
            .merge(&main, work, &worker.site.signature(), &title)
            .await?
        {
            MergeOutcome::AlreadyMerged => return Ok(MainMergeOutcome::Merged(main)),
            MergeOutcome::Clean(commit) | MergeOutcome::FastForward(commit) => commit,
            MergeOutcome::Conflict { marked, paths, .. } => {
                return Ok(MainMergeOutcome::Conflict { marked, paths });
            }
        };
        if let Some(command) = test_command {
            let trial = SandboxedCommand::new(command).with_secrets(SecretUse::Tests);
            let outcome = trial::run_on_commit(&worker.site, &candidate, &trial).await?;
            if !outcome.exit.is_success() {
                let output = format!(
                    "`{command}` ended with {}:\n{}",
                    trial::describe_exit(outcome.exit),
                    outcome.output
                );
                return Ok(MainMergeOutcome::TestsFailed {
                    merged: candidate,
                    output,
                });
            }
        }
        if worker
            .site
            .repository
            .compare_and_swap("refs/heads/main", Some(&main), &candidate)
            .await?
        {
            return Ok(MainMergeOutcome::Merged(candidate));
        }
    }
    Err(EngineError::Failed(format!(
        "main kept moving while {} was merged",
        task.key
    )))
}

/// Takes a conflicting or failing merge that the agent was given to repair out of the history of
/// its repair: what becomes part of main passed the tests. Done again, it gives the same commit.
async fn replant_repair(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
    main: &CommitId,
) -> Result<CommitId, EngineError> {
    let repository = &worker.site.repository;
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

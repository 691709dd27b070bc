//! Merging: main moves only to a tree on which the test command exited with 0.

use super::error::WorkflowError;
use super::trial::{self, Trial};
use super::worker::Worker;
use super::workspace;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::secret::SecretUse;
use eklavya_core::domain::task::Task;
use eklavya_git::Merge;

/// What became of an attempt to merge.
#[derive(Debug, Clone)]
pub(super) enum Merged {
    /// It is part of main, as of this commit.
    In(CommitId),
    /// It contradicts main.
    Conflict {
        /// A commit that holds both, with conflict markers in these files.
        marked: CommitId,
        /// The files.
        paths: Vec<String>,
    },
    /// These files of it still hold the conflict markers that the agent was to resolve.
    Unresolved(Vec<String>),
    /// The test command failed on the merged tree.
    Red {
        /// The merged tree.
        merged: CommitId,
        /// How the command ended, and what it printed.
        output: String,
    },
}

/// How often main may move under a merge before it is given up; the lease makes it rare.
const MAX_RACES: u32 = 5;

/// Merges a task's work into main; with a test command only where it passes on the merged tree.
pub(super) async fn into_main(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
    test_command: Option<&str>,
) -> Result<Merged, WorkflowError> {
    let _turn = worker.merging.lock().await;
    let unresolved = worker.site.repository.unresolved(work).await?;
    if !unresolved.is_empty() {
        return Ok(Merged::Unresolved(unresolved));
    }
    for _ in 0..MAX_RACES {
        let main = worker.site.main().await?;
        let work = &replanted(worker, task, work, &main).await?;
        let title = format!("Merge {}: {}", task.key, task.title);
        let candidate = match worker
            .site
            .repository
            .merge(&main, work, &worker.site.signature(), &title)
            .await?
        {
            Merge::AlreadyMerged => return Ok(Merged::In(main)),
            Merge::Clean(commit) | Merge::FastForward(commit) => commit,
            Merge::Conflict { marked, paths, .. } => return Ok(Merged::Conflict { marked, paths }),
        };
        if let Some(command) = test_command {
            let trial = Trial::new(command).given(SecretUse::Tests);
            let outcome = trial::run(&worker.site, &candidate, &trial).await?;
            if !outcome.exit.is_success() {
                let output = format!(
                    "`{command}` ended with {}:\n{}",
                    trial::describe(outcome.exit),
                    outcome.output
                );
                return Ok(Merged::Red {
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
            return Ok(Merged::In(candidate));
        }
    }
    Err(WorkflowError::Failed(format!(
        "main kept moving while {} was merged",
        task.key
    )))
}

/// Takes a conflicting or failing merge that the agent was given to repair out of the history of
/// its repair: what becomes part of main passed the tests. Done again, it gives the same commit.
async fn replanted(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
    main: &CommitId,
) -> Result<CommitId, WorkflowError> {
    let repository = &worker.site.repository;
    match &task.base_commit {
        Some(base) if !repository.is_ancestor(base, main).await? => {
            let author = workspace::author(task).at(task.updated_at);
            let message = format!("{}: {} (repaired merge)", task.key, task.title);
            Ok(repository.replant(work, base, &author, &message).await?)
        }
        Some(_) | None => Ok(work.clone()),
    }
}

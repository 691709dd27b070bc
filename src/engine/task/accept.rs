//! The verdict about submitted work, and what several kinds of tasks need to reach it.

use crate::context::error::EngineError;
use crate::workspace::merge::MainMergeOutcome;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::commit::CommitId;
use eklavya_git::ProjectRepository;
use eklavya_sandbox::role_policy::{FileAccess, role_policy};

#[derive(Debug)]
pub(crate) enum AcceptanceVerdict {
    /// The work is part of its branch as of this commit.
    Accepted(CommitId),
    /// The work goes back to the agent.
    Returned {
        /// Why, for the agent.
        reason: String,
        /// The commit that the next attempt starts from; `None` keeps the clone as it is.
        base: Option<CommitId>,
    },
}

impl AcceptanceVerdict {
    pub(super) fn returned(reason: impl Into<String>) -> Self {
        Self::Returned {
            reason: reason.into(),
            base: None,
        }
    }
}

pub(super) fn verdict_of_merge(merged: MainMergeOutcome) -> AcceptanceVerdict {
    match merged {
        MainMergeOutcome::Merged(commit) => AcceptanceVerdict::Accepted(commit),
        MainMergeOutcome::Conflict { marked, paths } => conflict_verdict(&paths, marked),
        MainMergeOutcome::UnresolvedMarkers(paths) => AcceptanceVerdict::returned(format!(
            "Conflict markers (<<<<<<<, =======, >>>>>>>) are left in these files:\n{}\nResolve \
             every one of them so that both intentions are kept.",
            bullet_list(&paths)
        )),
        MainMergeOutcome::TestsFailed { merged, output } => failed_tests_verdict(&output, merged),
    }
}

fn bullet_list(paths: &[String]) -> String {
    let lines: Vec<String> = paths.iter().map(|path| format!("- {path}")).collect();
    lines.join("\n")
}

/// Returns a verdict if directories that other roles write in are no directories in `commit`: what
/// is mounted for those roles must be a directory, and a link could lead anywhere.
pub(super) async fn find_lost_directories(
    repository: &ProjectRepository,
    commit: &CommitId,
) -> Result<Option<AcceptanceVerdict>, EngineError> {
    let mut shared: Vec<&str> = Role::ALL
        .into_iter()
        .filter_map(|role| match role_policy(role).files {
            FileAccess::Write(prefixes) => Some(prefixes),
            FileAccess::Read | FileAccess::Full => None,
        })
        .flatten()
        .copied()
        .collect();
    shared.dedup();
    let lost = repository.list_non_directories(commit, &shared).await?;
    Ok((!lost.is_empty()).then(|| {
        AcceptanceVerdict::returned(format!(
            "Other roles write in these, so each must be a directory of its own, not a link or a \
             file:\n{}",
            bullet_list(&lost)
        ))
    }))
}

fn conflict_verdict(paths: &[String], marked: CommitId) -> AcceptanceVerdict {
    AcceptanceVerdict::Returned {
        reason: format!(
            "While you worked, others changed main, and your work conflicts with theirs in these \
             files:\n{}\nYour clone now contains both: the files above have conflict markers \
             (<<<<<<<, =======, >>>>>>>). Resolve every one of them so that both intentions are \
             kept, and leave no marker behind.",
            bullet_list(paths)
        ),
        base: Some(marked),
    }
}

fn failed_tests_verdict(output: &str, merged: CommitId) -> AcceptanceVerdict {
    AcceptanceVerdict::Returned {
        reason: format!(
            "Your work was merged with main, and the test command failed on the result. Your clone \
             now contains that merged state. Make it pass. {output}"
        ),
        base: Some(merged),
    }
}

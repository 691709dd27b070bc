//! Documents that are tasks of their own: what they must contain before they become part of main.

use super::TaskSubmission;
use crate::context::error::EngineError;
use crate::task::accept::{AcceptanceVerdict, verdict_of_merge};
use crate::workspace::merge;
use eklavya_git::GitError;

/// The longest document, in bytes: it becomes part of the next agent's prompt.
pub(super) const DOCUMENT_BYTES: u64 = 200_000;

/// Merges the work if the document at `path` exists and is not empty.
pub(super) async fn accept_document(
    submission: &TaskSubmission<'_>,
    path: &str,
) -> Result<AcceptanceVerdict, EngineError> {
    let TaskSubmission {
        site,
        merge_lock,
        task,
        commit,
        ..
    } = *submission;
    let found = site
        .repository
        .read_file(commit, path, DOCUMENT_BYTES)
        .await;
    let text = match found {
        Err(error @ GitError::FileTooLarge { .. }) => {
            return Ok(AcceptanceVerdict::returned(format!("{error}. Shorten it.")));
        }
        found => found?,
    };
    if text.is_none_or(|text| text.trim_ascii().is_empty()) {
        return Ok(AcceptanceVerdict::returned(format!(
            "{path} is missing or empty. Write it before you finish."
        )));
    }
    let merged = merge::merge_into_main(site, merge_lock, task, commit, None).await?;
    Ok(verdict_of_merge(merged))
}

//! The last look at a product before it is handed over: no secret that is known now is in it.
//!
//! Commits are kept clean of what was known when they were made. A secret that was set later may
//! stand in them, in the files or in the history, and both are delivered.

use std::collections::BTreeMap;

use super::error::WorkflowError;
use super::site::Site;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::ids::ProjectId;
use eklavya_git::Sought;
use eklavya_services::projects;

/// What credentials of the configuration are called.
const OWN: &str = "a credential of this installation";

/// Makes sure that neither `commit` nor what led to it holds a secret.
///
/// # Errors
/// [`WorkflowError::Leaks`] that tells where which one is.
pub(super) async fn refuse(site: &Site, commit: &CommitId) -> Result<(), WorkflowError> {
    let leaks = site.repository.leaks(commit, &sought(site).await?).await?;
    if leaks.is_empty() {
        return Ok(());
    }
    Err(WorkflowError::Leaks(leaks))
}

/// Not what this process has ever hidden: a value that was replaced is no secret any more.
async fn sought(site: &Site) -> Result<Sought, WorkflowError> {
    let mut sought = Sought::default();
    let all = projects::list(&site.desk).await?.into_iter();
    let slugs: BTreeMap<ProjectId, String> = all.map(|one| (one.id, one.slug)).collect();
    for secret in site.current_secrets().await? {
        let name = match slugs.get(&secret.project) {
            Some(slug) if secret.project != site.project().id => {
                format!("{} of project {slug}", secret.name)
            }
            _ => secret.name.to_string(),
        };
        sought.add(name, secret.value);
    }
    for value in site.config.secrets() {
        sought.add(OWN.to_owned(), value);
    }
    Ok(sought)
}

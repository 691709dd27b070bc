//! The last look at a product before it is handed over: no secret that is known now is in it.
//!
//! Commits are kept clean of what was known when they were made. A secret that was set later may
//! stand in them, in the files or in the history, and both are delivered.

use std::collections::BTreeMap;

use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_core::ids::ProjectId;
use eklavya_core::ids::commit::CommitId;
use eklavya_git::SecretSet;
use eklavya_services::projects;

/// What credentials of the configuration are called.
const INSTALLATION_CREDENTIAL: &str = "a credential of this installation";

/// Makes sure that neither `commit` nor what led to it holds a secret.
///
/// # Errors
/// [`WorkflowError::Leaks`] that tells where which one is.
pub(crate) async fn refuse_leaks(site: &Site, commit: &CommitId) -> Result<(), EngineError> {
    let leaks = site
        .repository
        .find_leaks(commit, &collect_secrets(site).await?)
        .await?;
    if leaks.is_empty() {
        return Ok(());
    }
    Err(EngineError::LeakedSecrets(leaks))
}

/// Not what this process has ever hidden: a value that was replaced is no secret any more.
async fn collect_secrets(site: &Site) -> Result<SecretSet, EngineError> {
    let mut sought = SecretSet::default();
    let all = projects::list(&site.data).await?.into_iter();
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
    for value in site.config.known_secrets() {
        sought.add(INSTALLATION_CREDENTIAL.to_owned(), value);
    }
    Ok(sought)
}

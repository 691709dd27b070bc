//! The last check before a delivery: the product contains no secret that is set now.
//!
//! Commits contain no secret that was set when they were made. A secret that was set later may be in
//! their files or in their history, and both are delivered.

use std::collections::BTreeMap;

use crate::context::error::EngineError;
use crate::context::site::Site;
use eklavya_core::ids::ProjectId;
use eklavya_core::ids::commit::CommitId;
use eklavya_git::SecretSet;
use eklavya_services::projects;

/// The name of a credential of the configuration in the error.
const INSTALLATION_CREDENTIAL: &str = "a credential of this installation";

/// Checks that neither `commit` nor its history contains a secret.
///
/// # Errors
/// [`EngineError::LeakedSecrets`] with the name and place of each.
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

/// Not all that this process redacts: a value that was replaced is no longer a secret.
async fn collect_secrets(site: &Site) -> Result<SecretSet, EngineError> {
    let mut secrets = SecretSet::default();
    let all = projects::list(&site.data).await?.into_iter();
    let slugs: BTreeMap<ProjectId, String> = all.map(|one| (one.id, one.slug)).collect();
    for secret in site.current_secrets().await? {
        let name = match slugs.get(&secret.project) {
            Some(slug) if secret.project != site.project().id => {
                format!("{} of project {slug}", secret.name)
            }
            _ => secret.name.to_string(),
        };
        secrets.add(name, secret.value);
    }
    for value in site.config.known_secrets() {
        secrets.add(INSTALLATION_CREDENTIAL.to_owned(), value);
    }
    Ok(secrets)
}

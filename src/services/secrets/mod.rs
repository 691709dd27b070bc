//! Secrets of projects: set, list, remove; hand them to what they are for; change the key.
//!
//! The database has them sealed. The key is in a file of its own, which is made with the first secret.

mod error;
mod key_file;
mod seal;

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

pub use error::SecretError;

use self::key_file::KeyRing;
use self::seal::{SealContext, SealingKey};
use super::{DataStore, ServiceError, Transaction, audit};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::Project;
use eklavya_core::secret::{SecretName, SecretUse, SecretUses, StoredSecret, check_value};
use eklavya_store::{AdvisoryLock, installation, secrets};

/// Where the key is that secrets are sealed with.
#[derive(Debug, Clone)]
pub struct SecretVault {
    file: PathBuf,
}

/// A secret to be set.
#[derive(Debug)]
pub struct NewSecret {
    /// Its name.
    pub name: SecretName,
    /// Its value.
    pub value: SecretString,
    /// What is given it.
    pub uses: SecretUses,
}

/// What a change of the key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// How many secrets were sealed anew.
    pub secrets: usize,
    /// The name of the new key, which says nothing about it.
    pub key: String,
}

impl SecretVault {
    /// Returns the vault whose key is in `file`.
    pub fn at(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    fn load_ring(&self, installation: Uuid) -> Result<KeyRing, SecretError> {
        key_file::load(&self.file, installation)?.ok_or_else(|| SecretError::NoKey {
            path: self.file.clone(),
        })
    }

    /// Returns the keys for sealing beside `kept`, made where there are none and nothing is kept.
    fn load_or_create_ring(
        &self,
        installation: Uuid,
        kept: &[StoredSecret],
    ) -> Result<KeyRing, SecretError> {
        if kept.is_empty() && key_file::load(&self.file, installation)?.is_none() {
            return key_file::create(&self.file, installation, SealingKey::random());
        }
        let ring = self.load_ring(installation)?;
        // A key that others were not sealed with is some other installation's, or of another time:
        // with some sealed by either, no file would open all.
        match kept.iter().find(|secret| ring.find(&secret.key).is_none()) {
            Some(secret) => Err(self.wrong_key(secret)),
            None => Ok(ring),
        }
    }

    fn wrong_key(&self, secret: &StoredSecret) -> SecretError {
        SecretError::WrongKey {
            path: self.file.clone(),
            name: secret.name.clone(),
            key: secret.key.clone(),
        }
    }

    fn open(
        &self,
        ring: &KeyRing,
        installation: Uuid,
        secret: &StoredSecret,
    ) -> Result<SecretString, SecretError> {
        let key = ring
            .find(&secret.key)
            .ok_or_else(|| self.wrong_key(secret))?;
        key.open(&SealContext::of(installation, secret), &secret.sealed)
            .ok_or_else(|| SecretError::Damaged {
                name: secret.name.clone(),
                project: secret.project,
            })
    }
}

/// Sets a secret of a project, in place of the one of that name; returns it sealed.
pub async fn set(
    data: &DataStore,
    vault: &SecretVault,
    actor: &AuditActor,
    project: &Project,
    new: NewSecret,
) -> Result<StoredSecret, ServiceError> {
    check_value(&new.name, &new.value).map_err(SecretError::from)?;
    let installation = installation::ensure_id(&data.store).await?;
    let mut change = data.begin(actor).await?;
    change.sql.lock(AdvisoryLock::Secrets).await?;
    let kept = secrets::all(&mut change.sql).await?;
    let ring = vault.load_or_create_ring(installation, &kept)?;
    let own = |secret: &&StoredSecret| secret.project == project.id && secret.name == new.name;
    let before = kept.iter().find(own).map_or(0, |secret| secret.version);
    let mut secret = StoredSecret {
        project: project.id,
        name: new.name,
        uses: new.uses,
        key: ring.first().id().to_owned(),
        sealed: Vec::new(),
        version: before + 1,
        set_by: actor.to_string(),
        set_at: change.now,
    };
    secret.sealed = ring
        .first()
        .seal(&SealContext::of(installation, &secret), &new.value)?;
    secrets::put(&mut change.sql, &secret).await?;
    let details = json!({
        "name": secret.name, "for": secret.uses, "version": secret.version,
    });
    change.add_audit((Some(project.id), None), "secret.set", details);
    change.commit().await?;
    data.cleaner.redactor().add_secrets([new.value]);
    Ok(secret)
}

/// Returns a project's secrets by name, sealed.
pub async fn list(data: &DataStore, project: &Project) -> Result<Vec<StoredSecret>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(secrets::of_project(&mut tx, project.id).await?)
}

/// Removes a secret of a project. It needs no key.
pub async fn remove(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    name: &SecretName,
) -> Result<(), ServiceError> {
    let mut change = data.begin(actor).await?;
    change.sql.lock(AdvisoryLock::Secrets).await?;
    if !secrets::remove(&mut change.sql, project.id, name).await? {
        return Err(ServiceError::NotFound {
            what: "secret",
            name: name.to_string(),
        });
    }
    let details = json!({ "name": name });
    change.add_audit((Some(project.id), None), "secret.rm", details);
    Ok(change.commit().await?)
}

/// Returns the secrets that a project's admin has named for a use, notes that they are used, and
/// hides them from now on.
///
/// # Errors
/// [`SecretError`] where one of them cannot be opened: nothing runs without what it was promised.
pub async fn open_for_use(
    data: &DataStore,
    vault: &SecretVault,
    project: &Project,
    given: SecretUse,
) -> Result<Vec<(SecretName, SecretString)>, ServiceError> {
    let mut kept = list(data, project).await?;
    kept.retain(|secret| secret.uses.0.contains(&given));
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let installation = installation::ensure_id(&data.store).await?;
    let ring = vault.load_ring(installation)?;
    let open = |secret: &StoredSecret| {
        let value = vault.open(&ring, installation, secret)?;
        Ok((secret.name.clone(), value))
    };
    let opened: Vec<_> = kept.iter().map(open).collect::<Result<_, SecretError>>()?;
    let values = opened.iter().map(|(_, value)| value.clone());
    data.cleaner.redactor().add_secrets(values);
    let names: Vec<&str> = kept.iter().map(|secret| secret.name.as_str()).collect();
    let details = json!({ "for": given, "names": names });
    let about = (Some(project.id), None);
    audit::record(data, &AuditActor::System, about, "secret.use", details).await?;
    Ok(opened)
}

/// Hides every secret of every project from now on. Those that cannot be opened here cannot be used
/// here either, so there is nothing to hide of them.
pub async fn redact_all(data: &DataStore, vault: &SecretVault) -> Result<(), ServiceError> {
    let kept = secrets::all(&mut data.begin_read().await?).await?;
    if kept.is_empty() {
        return Ok(());
    }
    let installation = installation::ensure_id(&data.store).await?;
    let ring = match vault.load_ring(installation) {
        Ok(ring) => ring,
        Err(error) => {
            tracing::debug!("no secret can be opened: {error}");
            return Ok(());
        }
    };
    let opened = kept
        .iter()
        .filter_map(|secret| vault.open(&ring, installation, secret).ok());
    data.cleaner.redactor().add_secrets(opened);
    Ok(())
}

/// A secret as it is set now.
#[derive(Debug)]
pub struct OpenedSecret {
    /// Whose it is.
    pub project: ProjectId,
    /// Its name.
    pub name: SecretName,
    /// Its value.
    pub value: SecretString,
}

/// Returns every secret of every project that can be opened here, and hides them from now on.
///
/// # Errors
/// [`SecretError`] where one of `project`'s own cannot be opened.
pub async fn open_all(
    data: &DataStore,
    vault: &SecretVault,
    project: &Project,
) -> Result<Vec<OpenedSecret>, ServiceError> {
    let kept = secrets::all(&mut data.begin_read().await?).await?;
    let is_own = |secret: &StoredSecret| secret.project == project.id;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let installation = installation::ensure_id(&data.store).await?;
    let ring = match vault.load_ring(installation) {
        Ok(ring) => ring,
        Err(_) if !kept.iter().any(is_own) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut opened = Vec::new();
    for secret in kept {
        match vault.open(&ring, installation, &secret) {
            Ok(value) => opened.push(OpenedSecret {
                project: secret.project,
                name: secret.name,
                value,
            }),
            Err(error) if is_own(&secret) => return Err(error.into()),
            // It cannot be used here either.
            Err(_) => {}
        }
    }
    let values = opened.iter().map(|secret| secret.value.clone());
    data.cleaner.redactor().add_secrets(values);
    Ok(opened)
}

/// Makes a new key and seals every secret with it. The old key stays in the file until all of that is
/// durable, so that whatever happens in between, the file opens every secret.
pub async fn rotate_key(
    data: &DataStore,
    vault: &SecretVault,
    actor: &AuditActor,
) -> Result<KeyRotation, ServiceError> {
    let installation = installation::ensure_id(&data.store).await?;
    let mut change = data.begin(actor).await?;
    change.sql.lock(AdvisoryLock::Secrets).await?;
    let kept = secrets::all(&mut change.sql).await?;
    let mut ring = match key_file::load(&vault.file, installation)? {
        Some(ring) => ring,
        None if kept.is_empty() => return Err(SecretError::NoKeyYet.into()),
        None => vault.load_ring(installation)?,
    };
    let before = ring.first().id().to_owned();
    // Whoever seals from now on, after a rotation that broke off, does so with the new one.
    ring.put_first(SealingKey::random());
    let sealed = reseal_all(vault, &ring, installation, &kept)?;
    key_file::replace(&vault.file, installation, &ring)?;
    for secret in &sealed {
        secrets::put(&mut change.sql, secret).await?;
    }
    let key = ring.first().id().to_owned();
    audit_rotation(&mut change, &before, &key, sealed.len());
    change.commit().await?;
    ring.drop_old_keys();
    key_file::replace(&vault.file, installation, &ring)?;
    Ok(KeyRotation {
        secrets: sealed.len(),
        key,
    })
}

fn reseal_all(
    vault: &SecretVault,
    ring: &KeyRing,
    installation: Uuid,
    kept: &[StoredSecret],
) -> Result<Vec<StoredSecret>, SecretError> {
    let anew = |secret: &StoredSecret| {
        let value = vault.open(ring, installation, secret)?;
        let label = SealContext::of(installation, secret);
        Ok(StoredSecret {
            key: ring.first().id().to_owned(),
            sealed: ring.first().seal(&label, &value)?,
            ..secret.clone()
        })
    };
    kept.iter().map(anew).collect()
}

fn audit_rotation(change: &mut Transaction, before: &str, key: &str, secrets: usize) {
    let details = json!({ "key": key, "before": before, "secrets": secrets });
    change.add_audit((None, None), "secret.rotate", details);
}

/// Returns the values of a use as variables of an environment.
pub fn environment_variables(given: &[(SecretName, SecretString)]) -> Vec<(&str, &str)> {
    given
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect()
}

#[cfg(test)]
mod tests;

//! Secrets of projects: set, list and remove them, open them for their uses, rotate the key.
//!
//! The database contains sealed values. The key is in a file of its own, which the first secret
//! creates.

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

/// The location of the sealing key.
#[derive(Debug, Clone)]
pub struct SecretVault {
    file: PathBuf,
}

/// A secret to set.
#[derive(Debug)]
pub struct NewSecret {
    pub name: SecretName,
    pub value: SecretString,
    pub uses: SecretUses,
}

/// The result of a key rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// How many secrets were sealed with the new key.
    pub secrets: usize,
    /// The id of the new key, which does not reveal the key.
    pub key: String,
}

impl SecretVault {
    /// Returns the vault with the key file `file`.
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

    /// Returns the keys for sealing next to `kept`, and creates them if there are no keys and no
    /// secrets.
    fn load_or_create_ring(
        &self,
        installation: Uuid,
        kept: &[StoredSecret],
    ) -> Result<KeyRing, SecretError> {
        if kept.is_empty() && key_file::load(&self.file, installation)?.is_none() {
            return key_file::create(&self.file, installation, SealingKey::random());
        }
        let ring = self.load_ring(installation)?;
        // A key that did not seal the existing secrets is from another installation or another
        // time: if some secrets were sealed with either, no file could open all of them.
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

/// Sets a secret of a project, or replaces the one of that name; returns it sealed.
pub async fn set(
    data: &DataStore,
    vault: &SecretVault,
    actor: &AuditActor,
    project: &Project,
    new: NewSecret,
) -> Result<StoredSecret, ServiceError> {
    check_value(&new.name, &new.value).map_err(SecretError::from)?;
    let installation = installation::ensure_id(&data.store).await?;
    let mut tx = data.begin(actor).await?;
    tx.sql.lock(AdvisoryLock::Secrets).await?;
    let kept = secrets::all(&mut tx.sql).await?;
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
        set_at: tx.now,
    };
    secret.sealed = ring
        .first()
        .seal(&SealContext::of(installation, &secret), &new.value)?;
    secrets::put(&mut tx.sql, &secret).await?;
    let details = json!({
        "name": secret.name, "for": secret.uses, "version": secret.version,
    });
    tx.add_audit((Some(project.id), None), "secret.set", details);
    tx.commit().await?;
    data.sanitizer.redactor().add_secrets([new.value]);
    Ok(secret)
}

/// Returns a project's sealed secrets by name.
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
    let mut tx = data.begin(actor).await?;
    tx.sql.lock(AdvisoryLock::Secrets).await?;
    if !secrets::remove(&mut tx.sql, project.id, name).await? {
        return Err(ServiceError::NotFound {
            what: "secret",
            name: name.to_string(),
        });
    }
    let details = json!({ "name": name });
    tx.add_audit((Some(project.id), None), "secret.rm", details);
    Ok(tx.commit().await?)
}

/// Returns the secrets of a project for a use, records their use, and redacts them from now on.
///
/// # Errors
/// [`SecretError`] if one of them cannot be opened: no command runs without its secrets.
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
    data.sanitizer.redactor().add_secrets(values);
    let names: Vec<&str> = kept.iter().map(|secret| secret.name.as_str()).collect();
    let details = json!({ "for": given, "names": names });
    let about = (Some(project.id), None);
    audit::record(data, &AuditActor::System, about, "secret.use", details).await?;
    Ok(opened)
}

/// Redacts every secret of every project from now on. Secrets that cannot be opened here cannot be
/// used here either.
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
    data.sanitizer.redactor().add_secrets(opened);
    Ok(())
}

/// An opened secret.
#[derive(Debug)]
pub struct OpenedSecret {
    pub project: ProjectId,
    pub name: SecretName,
    pub value: SecretString,
}

/// Returns every secret of every project that can be opened here, and redacts them from now on.
///
/// # Errors
/// [`SecretError`] if one of `project`'s own secrets cannot be opened.
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
    data.sanitizer.redactor().add_secrets(values);
    Ok(opened)
}

/// Creates a new key and seals every secret with it. The old key stays in the file until the
/// transaction is committed, so that the file opens every secret even after a failure in between.
pub async fn rotate_key(
    data: &DataStore,
    vault: &SecretVault,
    actor: &AuditActor,
) -> Result<KeyRotation, ServiceError> {
    let installation = installation::ensure_id(&data.store).await?;
    let mut tx = data.begin(actor).await?;
    tx.sql.lock(AdvisoryLock::Secrets).await?;
    let kept = secrets::all(&mut tx.sql).await?;
    let mut ring = match key_file::load(&vault.file, installation)? {
        Some(ring) => ring,
        None if kept.is_empty() => return Err(SecretError::NoKeyYet.into()),
        None => vault.load_ring(installation)?,
    };
    let before = ring.first().id().to_owned();
    // After an interrupted rotation, sealing uses the new key.
    ring.put_first(SealingKey::random());
    let sealed = reseal_all(vault, &ring, installation, &kept)?;
    key_file::replace(&vault.file, installation, &ring)?;
    for secret in &sealed {
        secrets::put(&mut tx.sql, secret).await?;
    }
    let key = ring.first().id().to_owned();
    audit_rotation(&mut tx, &before, &key, sealed.len());
    tx.commit().await?;
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

fn audit_rotation(tx: &mut Transaction, before: &str, key: &str, secrets: usize) {
    let details = json!({ "key": key, "before": before, "secrets": secrets });
    tx.add_audit((None, None), "secret.rotate", details);
}

/// Returns secrets as environment variables.
pub fn environment_variables(given: &[(SecretName, SecretString)]) -> Vec<(&str, &str)> {
    given
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect()
}

#[cfg(test)]
mod tests;

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

use self::key_file::Ring;
use self::seal::{Key, Label};
use super::{Change, Desk, ServiceError, audit};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::project::Project;
use eklavya_core::domain::secret::{SecretName, SecretUse, SecretUses, StoredSecret, check_value};
use eklavya_store::{Lock, installation, secrets};

/// Where the key is that secrets are sealed with.
#[derive(Debug, Clone)]
pub struct Vault {
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
pub struct Rotated {
    /// How many secrets were sealed anew.
    pub secrets: usize,
    /// The name of the new key, which says nothing about it.
    pub key: String,
}

impl Vault {
    /// Returns the vault whose key is in `file`.
    pub fn at(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    fn ring(&self, installation: Uuid) -> Result<Ring, SecretError> {
        key_file::load(&self.file, installation)?.ok_or_else(|| SecretError::NoKey {
            path: self.file.clone(),
        })
    }

    /// Returns the keys for sealing beside `kept`, made where there are none and nothing is kept.
    fn ring_for_more(
        &self,
        installation: Uuid,
        kept: &[StoredSecret],
    ) -> Result<Ring, SecretError> {
        if kept.is_empty() && key_file::load(&self.file, installation)?.is_none() {
            return key_file::create(&self.file, installation, Key::random());
        }
        let ring = self.ring(installation)?;
        // A key that others were not sealed with is some other installation's, or of another time:
        // with some sealed by either, no file would open all.
        match kept.iter().find(|secret| ring.find(&secret.key).is_none()) {
            Some(secret) => Err(self.wrong(secret)),
            None => Ok(ring),
        }
    }

    fn wrong(&self, secret: &StoredSecret) -> SecretError {
        SecretError::WrongKey {
            path: self.file.clone(),
            name: secret.name.clone(),
            key: secret.key.clone(),
        }
    }

    fn open(
        &self,
        ring: &Ring,
        installation: Uuid,
        secret: &StoredSecret,
    ) -> Result<SecretString, SecretError> {
        let key = ring.find(&secret.key).ok_or_else(|| self.wrong(secret))?;
        key.open(&Label::of(installation, secret), &secret.sealed)
            .ok_or_else(|| SecretError::Damaged {
                name: secret.name.clone(),
                project: secret.project,
            })
    }
}

/// Sets a secret of a project, in place of the one of that name; returns it sealed.
pub async fn set(
    desk: &Desk,
    vault: &Vault,
    actor: &Actor,
    project: &Project,
    new: NewSecret,
) -> Result<StoredSecret, ServiceError> {
    check_value(&new.name, &new.value).map_err(SecretError::from)?;
    let installation = installation::id(&desk.store).await?;
    let mut change = desk.change(actor).await?;
    change.tx.lock(Lock::Secrets).await?;
    let kept = secrets::all(&mut change.tx).await?;
    let ring = vault.ring_for_more(installation, &kept)?;
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
        .seal(&Label::of(installation, &secret), &new.value)?;
    secrets::put(&mut change.tx, &secret).await?;
    let details = json!({
        "name": secret.name, "for": secret.uses, "version": secret.version,
    });
    change.audit((Some(project.id), None), "secret.set", details);
    change.commit().await?;
    desk.cleaner.redactor().learn([new.value]);
    Ok(secret)
}

/// Returns a project's secrets by name, sealed.
pub async fn list(desk: &Desk, project: &Project) -> Result<Vec<StoredSecret>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(secrets::of_project(&mut tx, project.id).await?)
}

/// Removes a secret of a project. It needs no key.
pub async fn remove(
    desk: &Desk,
    actor: &Actor,
    project: &Project,
    name: &SecretName,
) -> Result<(), ServiceError> {
    let mut change = desk.change(actor).await?;
    change.tx.lock(Lock::Secrets).await?;
    if !secrets::remove(&mut change.tx, project.id, name).await? {
        return Err(ServiceError::NotFound {
            what: "secret",
            name: name.to_string(),
        });
    }
    let details = json!({ "name": name });
    change.audit((Some(project.id), None), "secret.rm", details);
    Ok(change.commit().await?)
}

/// Returns the secrets that a project's admin has named for a use, notes that they are used, and
/// hides them from now on.
///
/// # Errors
/// [`SecretError`] where one of them cannot be opened: nothing runs without what it was promised.
pub async fn for_use(
    desk: &Desk,
    vault: &Vault,
    project: &Project,
    given: SecretUse,
) -> Result<Vec<(SecretName, SecretString)>, ServiceError> {
    let mut kept = list(desk, project).await?;
    kept.retain(|secret| secret.uses.0.contains(&given));
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let installation = installation::id(&desk.store).await?;
    let ring = vault.ring(installation)?;
    let open = |secret: &StoredSecret| {
        let value = vault.open(&ring, installation, secret)?;
        Ok((secret.name.clone(), value))
    };
    let opened: Vec<_> = kept.iter().map(open).collect::<Result<_, SecretError>>()?;
    let values = opened.iter().map(|(_, value)| value.clone());
    desk.cleaner.redactor().learn(values);
    let names: Vec<&str> = kept.iter().map(|secret| secret.name.as_str()).collect();
    let details = json!({ "for": given, "names": names });
    let about = (Some(project.id), None);
    audit::note(desk, &Actor::System, about, "secret.use", details).await?;
    Ok(opened)
}

/// Hides every secret of every project from now on. Those that cannot be opened here cannot be used
/// here either, so there is nothing to hide of them.
pub async fn hide_all(desk: &Desk, vault: &Vault) -> Result<(), ServiceError> {
    let kept = secrets::all(&mut desk.read().await?).await?;
    if kept.is_empty() {
        return Ok(());
    }
    let installation = installation::id(&desk.store).await?;
    let ring = match vault.ring(installation) {
        Ok(ring) => ring,
        Err(error) => {
            tracing::debug!("no secret can be opened: {error}");
            return Ok(());
        }
    };
    let opened = kept
        .iter()
        .filter_map(|secret| vault.open(&ring, installation, secret).ok());
    desk.cleaner.redactor().learn(opened);
    Ok(())
}

/// A secret as it is set now.
#[derive(Debug)]
pub struct Current {
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
pub async fn current(
    desk: &Desk,
    vault: &Vault,
    project: &Project,
) -> Result<Vec<Current>, ServiceError> {
    let kept = secrets::all(&mut desk.read().await?).await?;
    let is_own = |secret: &StoredSecret| secret.project == project.id;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let installation = installation::id(&desk.store).await?;
    let ring = match vault.ring(installation) {
        Ok(ring) => ring,
        Err(_) if !kept.iter().any(is_own) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut opened = Vec::new();
    for secret in kept {
        match vault.open(&ring, installation, &secret) {
            Ok(value) => opened.push(Current {
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
    desk.cleaner.redactor().learn(values);
    Ok(opened)
}

/// Makes a new key and seals every secret with it. The old key stays in the file until all of that is
/// durable, so that whatever happens in between, the file opens every secret.
pub async fn rotate(desk: &Desk, vault: &Vault, actor: &Actor) -> Result<Rotated, ServiceError> {
    let installation = installation::id(&desk.store).await?;
    let mut change = desk.change(actor).await?;
    change.tx.lock(Lock::Secrets).await?;
    let kept = secrets::all(&mut change.tx).await?;
    let mut ring = match key_file::load(&vault.file, installation)? {
        Some(ring) => ring,
        None if kept.is_empty() => return Err(SecretError::Nothing.into()),
        None => vault.ring(installation)?,
    };
    let before = ring.first().id().to_owned();
    // Whoever seals from now on, after a rotation that broke off, does so with the new one.
    ring.put_first(Key::random());
    let sealed = sealed_anew(vault, &ring, installation, &kept)?;
    key_file::replace(&vault.file, installation, &ring)?;
    for secret in &sealed {
        secrets::put(&mut change.tx, secret).await?;
    }
    let key = ring.first().id().to_owned();
    note_rotation(&mut change, &before, &key, sealed.len());
    change.commit().await?;
    ring.keep_first();
    key_file::replace(&vault.file, installation, &ring)?;
    Ok(Rotated {
        secrets: sealed.len(),
        key,
    })
}

fn sealed_anew(
    vault: &Vault,
    ring: &Ring,
    installation: Uuid,
    kept: &[StoredSecret],
) -> Result<Vec<StoredSecret>, SecretError> {
    let anew = |secret: &StoredSecret| {
        let value = vault.open(ring, installation, secret)?;
        let label = Label::of(installation, secret);
        Ok(StoredSecret {
            key: ring.first().id().to_owned(),
            sealed: ring.first().seal(&label, &value)?,
            ..secret.clone()
        })
    };
    kept.iter().map(anew).collect()
}

fn note_rotation(change: &mut Change, before: &str, key: &str, secrets: usize) {
    let details = json!({ "key": key, "before": before, "secrets": secrets });
    change.audit((None, None), "secret.rotate", details);
}

/// Returns the values of a use as variables of an environment.
pub fn variables(given: &[(SecretName, SecretString)]) -> Vec<(&str, &str)> {
    given
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect()
}

#[cfg(test)]
mod tests;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::project::projects::{self, NewProject};
use eklavya_core::clock::FixedClock;
use eklavya_core::money::MicroUsd;
use eklavya_store::params;
use eklavya_store::{DatabaseLocation, Store};

struct SecretsFixture {
    data: DataStore,
    vault: SecretVault,
    project: Project,
    directory: tempfile::TempDir,
}

impl SecretsFixture {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = DatabaseLocation::File(directory.path().join("eklavya.db"));
        let store = Store::create(&location).await.unwrap();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let data = DataStore::new(store, Arc::new(FixedClock::new(now)));
        let project = Self::project(&data, "shop").await;
        Self {
            vault: SecretVault::at(&directory.path().join("secret.key")),
            data,
            project,
            directory,
        }
    }

    async fn project(data: &DataStore, name: &str) -> Project {
        let new = NewProject {
            name: name.to_owned(),
            slug: None,
            client: "Ada".to_owned(),
            brief: b"A page.".to_vec(),
            budget: Some(MicroUsd(1)),
            rehearsal: None,
        };
        projects::create(data, &Self::admin(), new).await.unwrap()
    }

    fn admin() -> AuditActor {
        AuditActor::Admin("ada".to_owned())
    }

    async fn set(&self, name: &str, value: &str, uses: &str) -> Result<StoredSecret, ServiceError> {
        let new = NewSecret {
            name: name.parse().unwrap(),
            value: value.into(),
            uses: uses.parse().unwrap(),
        };
        set(&self.data, &self.vault, &Self::admin(), &self.project, new).await
    }

    async fn open_values(&self, given: SecretUse) -> Result<Vec<(String, String)>, ServiceError> {
        let opened = open_for_use(&self.data, &self.vault, &self.project, given).await?;
        let plain = |(name, value): (SecretName, SecretString)| {
            (name.to_string(), value.expose_secret().to_owned())
        };
        Ok(opened.into_iter().map(plain).collect())
    }

    fn read_key_file(&self) -> String {
        fs::read_to_string(self.directory.path().join("secret.key")).unwrap()
    }

    async fn tamper(&self, sql: &'static str) {
        let mut tx = self.data.store.begin_write().await.unwrap();
        tx.execute(sql, params![]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn secret_error(error: ServiceError) -> SecretError {
    match error {
        ServiceError::Secret(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn secrets_are_opened_only_for_their_uses() {
    let fixture = SecretsFixture::open().await;
    fixture.set("NONE", "value-of-none", "").await.unwrap();
    fixture
        .set("BOTH", "value-of-both", "tests,checks")
        .await
        .unwrap();
    let first = fixture.set("TEST", "an old value", "tests").await.unwrap();
    let again = fixture.set("TEST", "value-of-test", "tests").await.unwrap();
    assert_eq!((first.version, again.version), (1, 2));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (both, test) = (pair("BOTH", "value-of-both"), pair("TEST", "value-of-test"));
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap(),
        [both.clone(), test]
    );
    assert_eq!(
        fixture.open_values(SecretUse::Checks).await.unwrap(),
        [both]
    );
    assert_eq!(fixture.open_values(SecretUse::Previews).await.unwrap(), []);
    let shown = fixture
        .data
        .sanitizer
        .sanitize_text("it says value-of-test");
    assert_eq!(shown, "it says [secret]");
    let mode = fs::metadata(fixture.directory.path().join("secret.key")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let name = "TEST".parse().unwrap();
    remove(
        &fixture.data,
        &SecretsFixture::admin(),
        &fixture.project,
        &name,
    )
    .await
    .unwrap();
    let gone = remove(
        &fixture.data,
        &SecretsFixture::admin(),
        &fixture.project,
        &name,
    )
    .await;
    assert!(
        matches!(gone, Err(ServiceError::NotFound { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_sealed_value_opens_only_in_its_own_row() {
    let fixture = SecretsFixture::open().await;
    fixture.set("ONE", "value-of-one", "tests").await.unwrap();
    fixture.set("TWO", "value-of-two", "tests").await.unwrap();
    let swaps = [
        "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'ONE') \
         WHERE name = 'TWO'",
        "UPDATE secrets SET version = version + 1 WHERE name = 'TWO'",
        "UPDATE secrets SET uses = 'tests,previews' WHERE name = 'TWO'",
        "UPDATE secrets SET sealed = substr(sealed, 1, 20) WHERE name = 'TWO'",
        "UPDATE secrets SET sealed = x'' WHERE name = 'TWO'",
    ];
    for swap in swaps {
        fixture.tamper(swap).await;
        let error = secret_error(fixture.open_values(SecretUse::Tests).await.unwrap_err());
        assert!(
            matches!(error, SecretError::Damaged { .. }),
            "{swap}: {error}"
        );
        // Setting the secret again repairs the row.
        fixture.set("TWO", "value-of-two", "tests").await.unwrap();
        fixture.open_values(SecretUse::Tests).await.unwrap();
    }
    let other = SecretsFixture::project(&fixture.data, "other").await;
    let mut tx = fixture.data.store.begin_write().await.unwrap();
    let moved = "UPDATE secrets SET project_id = $1";
    tx.execute(moved, params![other.id.0]).await.unwrap();
    tx.commit().await.unwrap();
    let stolen = open_for_use(&fixture.data, &fixture.vault, &other, SecretUse::Tests).await;
    let error = secret_error(stolen.unwrap_err());
    assert!(matches!(error, SecretError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn secrets_open_only_with_the_key_that_sealed_them() {
    let fixture = SecretsFixture::open().await;
    fixture.set("ONE", "value-of-one", "tests").await.unwrap();
    let (file, key) = (
        fixture.directory.path().join("secret.key"),
        fixture.read_key_file(),
    );
    fs::remove_file(&file).unwrap();
    for error in [
        secret_error(fixture.open_values(SecretUse::Tests).await.unwrap_err()),
        secret_error(fixture.set("TWO", "value-of-two", "").await.unwrap_err()),
        secret_error(
            rotate_key(&fixture.data, &fixture.vault, &SecretsFixture::admin())
                .await
                .unwrap_err(),
        ),
    ] {
        assert!(matches!(error, SecretError::NoKey { .. }), "{error}");
    }
    assert!(!file.exists(), "no new key replaces a missing one");
    let write = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (head, own) = key.trim().split_once('\n').unwrap();
    write(&format!("{head}\n{}\n", "ab".repeat(32)), 0o600);
    for error in [
        secret_error(fixture.open_values(SecretUse::Tests).await.unwrap_err()),
        secret_error(fixture.set("TWO", "value-of-two", "").await.unwrap_err()),
    ] {
        assert!(matches!(error, SecretError::WrongKey { .. }), "{error}");
    }
    let elsewhere = format!("eklavya-secret-key-1 {}\n{own}\n", Uuid::nil());
    for (text, mode) in [
        (key.as_str(), 0o640),
        (elsewhere.as_str(), 0o600),
        ("", 0o600),
        (head, 0o600),
        ("key", 0o600),
        (&format!("{head}\n{}\n", &own[1..]), 0o600),
        (&format!("{head}\n+{}\n", &own[1..]), 0o600),
    ] {
        write(text, mode);
        let error = secret_error(fixture.open_values(SecretUse::Tests).await.unwrap_err());
        assert!(matches!(error, SecretError::KeyFile { .. }), "{error}");
        assert!(!error.to_string().contains(own), "{error}");
    }
    write(&key, 0o600);
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_rotation_reseals_every_secret_and_removes_the_old_key() {
    let fixture = SecretsFixture::open().await;
    let early = rotate_key(&fixture.data, &fixture.vault, &SecretsFixture::admin()).await;
    let error = secret_error(early.unwrap_err());
    assert!(matches!(error, SecretError::NoKeyYet), "{error}");
    fixture.set("ONE", "value-of-one", "tests").await.unwrap();
    fixture.set("TWO", "value-of-two", "tests").await.unwrap();
    let (old, before) = (
        fixture.read_key_file(),
        list(&fixture.data, &fixture.project).await.unwrap(),
    );
    let rotated = rotate_key(&fixture.data, &fixture.vault, &SecretsFixture::admin())
        .await
        .unwrap();
    assert_eq!(rotated.secrets, 2);
    let after = list(&fixture.data, &fixture.project).await.unwrap();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.key, rotated.key);
        assert_ne!(before.sealed, after.sealed);
        assert_eq!(before.version, after.version);
    }
    let own = old.lines().nth(1).unwrap();
    assert!(!fixture.read_key_file().contains(own));
    assert_eq!(fixture.read_key_file().lines().count(), 2);
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        2
    );
}

#[tokio::test]
async fn an_interrupted_rotation_leaves_every_secret_readable() {
    let fixture = SecretsFixture::open().await;
    fixture.set("ONE", "value-of-one", "tests").await.unwrap();
    let (file, old) = (
        fixture.directory.path().join("secret.key"),
        fixture.read_key_file(),
    );
    // The states after a failure between the file and the commit, and between the commit and the
    // file.
    let installation = installation::ensure_id(&fixture.data.store).await.unwrap();
    let mut ring = key_file::load(&file, installation).unwrap().unwrap();
    ring.put_first(SealingKey::random());
    key_file::replace(&file, installation, &ring).unwrap();
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        1
    );
    fixture.set("TWO", "value-of-two", "tests").await.unwrap();
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        2
    );
    rotate_key(&fixture.data, &fixture.vault, &SecretsFixture::admin())
        .await
        .unwrap();
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        2
    );
    assert_eq!(fixture.read_key_file().lines().count(), 2);
    // A database restored from before the rotation needs the key of that time.
    let now = fixture.read_key_file();
    fs::write(&file, format!("{}{}", now, old.lines().nth(1).unwrap())).unwrap();
    assert_eq!(
        fixture.open_values(SecretUse::Tests).await.unwrap().len(),
        2
    );
}

#[tokio::test]
async fn open_all_needs_every_secret_of_its_project() {
    let fixture = SecretsFixture::open().await;
    let now = async |project: &Project| open_all(&fixture.data, &fixture.vault, project).await;
    assert!(now(&fixture.project).await.unwrap().is_empty());
    fixture
        .set("KEY", "the first value", "tests")
        .await
        .unwrap();
    fixture
        .set("KEY", "the second value", "tests")
        .await
        .unwrap();
    let other = SecretsFixture::project(&fixture.data, "other").await;
    for project in [&fixture.project, &other] {
        let all = now(project).await.unwrap();
        let plain = all
            .iter()
            .map(|one| (one.name.as_str(), one.value.expose_secret()));
        assert_eq!(plain.collect::<Vec<_>>(), [("KEY", "the second value")]);
        assert_eq!(all[0].project, fixture.project.id);
    }
    fs::remove_file(fixture.directory.path().join("secret.key")).unwrap();
    let refused = now(&fixture.project).await.unwrap_err();
    assert!(matches!(secret_error(refused), SecretError::NoKey { .. }));
    // A project without secrets does not need those of other projects.
    assert!(now(&other).await.unwrap().is_empty());
}

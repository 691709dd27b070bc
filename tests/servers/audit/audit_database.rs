//! A database whose audit trail the tests write through the services and change by SQL.

use std::fmt::Write;
use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::project::Project;
use eklavya_services::projects::{self, NewProject};
use eklavya_services::{DataStore, audit};
use eklavya_store::{DatabaseLocation, PostgresServer, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};
use tempfile::TempDir;

/// A database that the tests can also change by SQL, without the product.
pub struct AuditDatabase {
    directory: TempDir,
    pub url: Option<String>,
}

impl AuditDatabase {
    pub fn sqlite() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: None,
        }
    }

    pub fn postgres() -> Self {
        Self {
            url: Some(TestPostgres::shared()),
            ..Self::sqlite()
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("eklavya.db")
    }

    pub fn location(&self) -> DatabaseLocation {
        match &self.url {
            None => DatabaseLocation::File(self.file()),
            Some(url) => {
                let server = PostgresServer::new(&url.parse().unwrap(), None).unwrap();
                DatabaseLocation::Server(Box::new(server))
            }
        }
    }

    pub async fn open_data_store(&self) -> DataStore {
        let store = Store::create(&self.location()).await.unwrap();
        DataStore::new(store, Arc::new(SystemClock))
    }

    /// Runs SQL without the product. The triggers stay enabled.
    pub async fn run_sql(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            None => {
                let mut database = self.sqlite_connection().await;
                Ok(database.execute(sql).await?.rows_affected())
            }
            Some(url) => {
                let mut database = PgConnection::connect(url).await.unwrap();
                Ok(database.execute(sql).await?.rows_affected())
            }
        }
    }

    pub async fn sqlite_connection(&self) -> SqliteConnection {
        let url = format!("sqlite://{}?mode=rwc", self.file().display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    /// Runs SQL while the triggers are disabled.
    pub async fn tamper(&self, sql: &str) {
        if self.url.is_some() {
            let sql = format!(
                "ALTER TABLE audit_logs DISABLE TRIGGER USER; ALTER TABLE audit_chains DISABLE \
                 TRIGGER USER; {sql}; ALTER TABLE audit_logs ENABLE TRIGGER USER; \
                 ALTER TABLE audit_chains ENABLE TRIGGER USER"
            );
            self.run_sql(&sql).await.unwrap();
            return;
        }
        let mut database = self.sqlite_connection().await;
        let triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
        let triggers = sqlx::query(triggers)
            .fetch_all(&mut database)
            .await
            .unwrap();
        let mut script = String::new();
        for trigger in &triggers {
            let name: String = trigger.get(0);
            writeln!(script, "DROP TRIGGER {name};").unwrap();
        }
        writeln!(script, "{sql};").unwrap();
        for trigger in &triggers {
            let text: String = trigger.get(1);
            writeln!(script, "{text};").unwrap();
        }
        database.execute(AssertSqlSafe(script)).await.unwrap();
    }

    /// Returns an identifier as it is written in SQL.
    pub fn sql_id(&self, id: uuid::Uuid) -> String {
        match self.url {
            None => format!("x'{}'", id.simple()),
            Some(_) => format!("'{id}'"),
        }
    }
}

pub async fn create_project(data: &DataStore, slug: &str) -> Project {
    let new = NewProject {
        name: slug.to_owned(),
        slug: Some(slug.to_owned()),
        client: "Ada".to_owned(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let actor = AuditActor::Admin("ada".to_owned());
    projects::create(data, &actor, new).await.unwrap()
}

pub async fn append_entry(data: &DataStore, project: Option<&Project>, details: Value) {
    let about = (project.map(|project| project.id), None);
    audit::record(data, &AuditActor::System, about, "test.note", details)
        .await
        .unwrap();
}

pub async fn assert_sound(data: &DataStore) -> Vec<audit::ChainVerification> {
    let verdicts = audit::verify_all(data).await.unwrap();
    assert!(
        verdicts.iter().all(|chain| chain.fault.is_none()),
        "{verdicts:#?}"
    );
    verdicts
}

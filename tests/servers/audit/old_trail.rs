//! A migration chains the rows of a database from before the chains.

use std::fmt::Write;

use eklavya_services::audit;
use eklavya_store::Store;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr};

use super::audit_database::{AuditDatabase, assert_sound, create_project};

/// Creates the schema from before the chains, with rows in its audit trail.
async fn create_old_schema(fixture: &AuditDatabase, first_details: &str) {
    let text = match fixture.url {
        None => include_str!("../../../migrations/sqlite/0001_initial.sql"),
        Some(_) => include_str!("../../../migrations/postgres/0001_initial.sql"),
    };
    let step = Migration::new(
        1,
        "initial".into(),
        MigrationType::Simple,
        text.into_sql_str(),
        false,
    );
    let migrator = Migrator {
        migrations: vec![step].into(),
        ..Migrator::DEFAULT
    };
    match &fixture.url {
        None => migrator
            .run(&mut fixture.sqlite_connection().await)
            .await
            .unwrap(),
        Some(url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            migrator.run(&mut database).await.unwrap();
        }
    }
    let id = |number| fixture.sql_id(uuid::Uuid::from_u128(number));
    let line = "INSERT INTO audit_logs (timestamp, project_id, actor, action, details) VALUES";
    fixture
        .run_sql(&format!(
            "{line} (1, NULL, 'system', 'a.b', '{first_details}')"
        ))
        .await
        .unwrap();
    let mut rest = format!("{line} (2, {}, 'system', 'a.b', '{{\"n\": 1.50}}')", id(1));
    for number in 0..600 {
        let project = id(1 + number % 3);
        let details = format!("'{{\"n\": {number}}}'");
        write!(
            rest,
            ", ({number}, {project}, 'admin:ada', 'c.d', {details})"
        )
        .unwrap();
    }
    fixture.run_sql(&rest).await.unwrap();
}

pub async fn an_old_trail_is_chained(fixture: &AuditDatabase) {
    let scale = "UPDATE audit_logs SET";
    create_old_schema(fixture, "{}").await;
    // A row that cannot be read stops the migration, which then changes nothing.
    let spoil = "INSERT INTO audit_logs (timestamp, actor, action, details) \
        VALUES (9223372036854775807, 'system', 'a.b', '{}')";
    fixture.run_sql(spoil).await.unwrap();
    assert!(Store::create(&fixture.location()).await.is_err());
    let triggers = match fixture.url {
        None => "DROP TRIGGER audit_logs_keep_values".to_owned(),
        Some(_) => "ALTER TABLE audit_logs DISABLE TRIGGER USER".to_owned(),
    };
    fixture.run_sql(&triggers).await.unwrap();
    let repaired = format!("{scale} timestamp = 5 WHERE timestamp = 9223372036854775807");
    assert_eq!(fixture.run_sql(&repaired).await.unwrap(), 1);
    let restore = match fixture.url {
        None => {
            "CREATE TRIGGER audit_logs_keep_values BEFORE UPDATE ON audit_logs \
            BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END"
        }
        Some(_) => "ALTER TABLE audit_logs ENABLE TRIGGER USER",
    };
    fixture.run_sql(restore).await.unwrap();

    let data = fixture.open_data_store().await;
    let verdicts = assert_sound(&data).await;
    let mut rows: Vec<i64> = verdicts.iter().map(|chain| chain.rows).collect();
    rows.sort_unstable();
    // The installation's chain has two rows and the row of the upgrade.
    assert_eq!(rows, [3, 200, 200, 201]);
    let lines = audit::list(&data, &eklavya_store::audit::AuditFilter::default())
        .await
        .unwrap();
    let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
    assert_eq!(ids[..603], (1..=603).collect::<Vec<_>>());
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let last = lines.last().unwrap();
    assert_eq!(
        (last.content.action.as_str(), last.position),
        ("store.upgrade", 3)
    );
    assert!(
        fixture
            .run_sql("SELECT 1 FROM audit_logs_unchained")
            .await
            .is_err()
    );
    drop(data);
    let again = fixture.open_data_store().await;
    create_project(&again, "later").await;
    assert_sound(&again).await;
}

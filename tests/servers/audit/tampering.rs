//! The triggers refuse changes of the trail, and verification finds changes that bypass them.

use eklavya_core::audit::ChainFaultKind;
use eklavya_services::audit;
use serde_json::json;

use super::audit_database::{AuditDatabase, append_entry, assert_sound, create_project};

/// The triggers refuse statements that change or delete rows, or add rows that do not continue a
/// chain.
pub async fn triggers_refuse_changes_of_the_trail(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let project = create_project(&data, "shop").await;
    append_entry(&data, Some(&project), json!({})).await;
    let id = fixture.sql_id(project.id.0);
    let columns = "(chain, position, previous_hash, hash, timestamp, actor, action, details)";
    let (one, hash) = (format!("chain = {id} AND position = 1"), "a".repeat(64));
    let refused = [
        format!("UPDATE audit_logs SET actor = 'eve' WHERE {one}"),
        format!("DELETE FROM audit_logs WHERE {one}"),
        format!(
            "INSERT INTO audit_logs {columns} VALUES ({id}, 3, '{hash}', '{hash}', 1, 'e', 'e', '{{}}')"
        ),
        format!(
            "INSERT INTO audit_logs {columns} VALUES ({id}, 9, '{hash}', '{hash}', 1, 'e', 'e', '{{}}')"
        ),
        format!("UPDATE audit_chains SET position = 1 WHERE chain = {id}"),
        format!("UPDATE audit_chains SET position = 4, hash = '{hash}' WHERE chain = {id}"),
        format!("UPDATE audit_chains SET hash = '{hash}' WHERE chain = {id}"),
        format!("DELETE FROM audit_chains WHERE chain = {id}"),
        format!(
            "INSERT INTO audit_chains (chain, position, hash) VALUES ({}, 1, '{hash}')",
            fixture.sql_id(uuid::Uuid::new_v4())
        ),
    ];
    let own = match fixture.url {
        Some(_) => vec![
            "TRUNCATE audit_logs".to_owned(),
            "TRUNCATE audit_chains".to_owned(),
        ],
        None => vec![format!(
            "INSERT OR REPLACE INTO audit_logs (id, chain, position, previous_hash, hash, timestamp, \
             actor, action, details) SELECT id, chain, 3, (SELECT hash FROM audit_chains WHERE \
             chain = {id}), '{hash}', 1, 'e', 'e', '{{}}' FROM audit_logs WHERE {one}"
        )],
    };
    for sql in refused.iter().chain(&own) {
        let done = fixture.run_sql(sql).await;
        assert!(done.is_err(), "{sql}: {done:?}");
    }
    if fixture.url.is_none() {
        let replaced = format!("INSERT OR REPLACE INTO audit_chains VALUES ({id}, {id}, 0, NULL)");
        assert_eq!(fixture.run_sql(&replaced).await.unwrap(), 0);
    }
    assert_sound(&data).await;
}

/// Changes that bypass the triggers, each with its fault and the first broken row. `{c}` is the
/// chain, which has six rows.
const TAMPERED: [(&str, &str, ChainFaultKind, i64); 9] = [
    (
        "changed",
        "UPDATE audit_logs SET details = '{\"number\":99}' WHERE chain = {c} AND position = 3",
        ChainFaultKind::Hash,
        3,
    ),
    (
        "redated",
        "UPDATE audit_logs SET timestamp = timestamp + 1 WHERE chain = {c} AND position = 6",
        ChainFaultKind::Hash,
        6,
    ),
    (
        "deleted",
        "DELETE FROM audit_logs WHERE chain = {c} AND position = 4",
        ChainFaultKind::Gap,
        4,
    ),
    (
        "cut",
        "DELETE FROM audit_logs WHERE chain = {c} AND position > 4",
        ChainFaultKind::Truncated,
        5,
    ),
    (
        "swapped",
        "UPDATE audit_logs SET position = 100 WHERE chain = {c} AND position = 2; \
         UPDATE audit_logs SET position = 2 WHERE chain = {c} AND position = 3; \
         UPDATE audit_logs SET position = 3 WHERE chain = {c} AND position = 100",
        ChainFaultKind::Link,
        2,
    ),
    (
        "inserted",
        "INSERT INTO audit_logs (chain, position, previous_hash, hash, timestamp, project_id, actor, \
         action, details) SELECT chain, 7, hash, hash, timestamp, project_id, actor, action, details \
         FROM audit_logs WHERE chain = {c} AND position = 6",
        ChainFaultKind::Hash,
        7,
    ),
    (
        "rehashed",
        "UPDATE audit_logs SET hash = '0000000000000000000000000000000000000000000000000000000000000000' \
         WHERE chain = {c} AND position = 2",
        ChainFaultKind::Hash,
        2,
    ),
    (
        "beheaded",
        "DELETE FROM audit_chains WHERE chain = {c}",
        ChainFaultKind::Missing,
        6,
    ),
    (
        "gone",
        "DELETE FROM audit_chains WHERE chain = {c}; DELETE FROM audit_logs WHERE chain = {c}",
        ChainFaultKind::Missing,
        1,
    ),
];

pub async fn tampering_is_found(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let mut projects = Vec::new();
    for (slug, ..) in TAMPERED {
        let project = create_project(&data, slug).await;
        for number in 2..=6 {
            append_entry(&data, Some(&project), json!({ "number": number })).await;
        }
        projects.push(project);
    }
    let untouched = create_project(&data, "untouched").await;
    assert_sound(&data).await;
    for ((slug, sql, kind, position), project) in TAMPERED.iter().zip(&projects) {
        let sql = sql.replace("{c}", &fixture.sql_id(project.id.0));
        fixture.tamper(&sql).await;
        let verdict = audit::verify(&data, project).await.unwrap();
        let fault = verdict
            .fault
            .unwrap_or_else(|| panic!("the change of {slug} is not found"));
        assert_eq!(
            (fault.kind, fault.position),
            (*kind, *position),
            "{slug}: {fault:?}"
        );
        assert_eq!(verdict.hash, None);
    }
    let all = audit::verify_all(&data).await.unwrap();
    let broken = all.iter().filter(|chain| chain.fault.is_some()).count();
    assert_eq!((all.len(), broken), (TAMPERED.len() + 2, TAMPERED.len()));
    let verdict = audit::verify(&data, &untouched).await.unwrap();
    assert_eq!(verdict.fault, None);
    if fixture.url.is_none() {
        let chain = fixture.sql_id(untouched.id.0);
        let garbage = format!("UPDATE audit_logs SET details = '{{' WHERE chain = {chain}");
        fixture.tamper(&garbage).await;
        let verdict = audit::verify(&data, &untouched).await.unwrap();
        assert_eq!(verdict.fault.unwrap().kind, ChainFaultKind::Unreadable);
    }
}

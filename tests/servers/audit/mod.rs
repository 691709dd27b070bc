//! The audit trail on both databases: concurrent writers keep its order, and verification finds
//! changes that bypass the triggers.

mod audit_database;
mod old_trail;
mod tampering;

use audit_database::{AuditDatabase, assert_sound, create_project};
use eklavya_core::audit::AuditActor;
use eklavya_services::audit;
use eklavya_testkit::cli::TestEnv;
use eklavya_testkit::servers::postgres::TestPostgres;
use old_trail::an_old_trail_is_chained;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tampering::{tampering_is_found, triggers_refuse_changes_of_the_trail};

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[\\x00-\\x20\"\\\\é]{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1e3..1e3).prop_map(Value::from),
        (-99_i32..99).prop_map(|whole| Value::from(f64::from(whole))),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let members = prop::collection::btree_map(text.clone(), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Rows with any JSON in their details verify after the database has normalized it.
async fn any_details_verify(fixture: &AuditDatabase) {
    let data = fixture.open_data_store().await;
    let project = create_project(&data, "values").await;
    let (mut runner, values) = (TestRunner::default(), any_json());
    let mut change = data.begin(&AuditActor::System).await.unwrap();
    for _ in 0..200 {
        let value = values.new_tree(&mut runner).unwrap().current();
        let details = json!({ "value": value, "zero": -0.0, "large": 1e300, "nul": "a\0b" });
        change.add_audit((Some(project.id), None), "test.note", details);
    }
    change.commit().await.unwrap();
    let verdict = audit::verify(&data, &project).await.unwrap();
    assert_eq!((verdict.rows, verdict.fault), (201, None));
}

/// Many concurrent writers, each in several chains, leave no gap and cause no deadlock.
async fn concurrent_writers_keep_every_chain_intact(fixture: &AuditDatabase) {
    const WRITERS: i64 = 6;
    const CHANGES: i64 = 15;
    let data = fixture.open_data_store().await;
    let projects = [
        create_project(&data, "one").await,
        create_project(&data, "two").await,
    ];
    let before: i64 = assert_sound(&data)
        .await
        .iter()
        .map(|chain| chain.rows)
        .sum();
    let writers = (0..WRITERS).map(|writer| {
        let (data, ids) = (data.clone(), [projects[0].id, projects[1].id]);
        tokio::spawn(async move {
            for number in 0..CHANGES {
                let mut change = data.begin(&AuditActor::System).await.unwrap();
                // Each writer uses another order of chains: the transaction sorts them.
                let abouts = [Some(ids[1]), None, Some(ids[0])];
                for about in abouts
                    .iter()
                    .cycle()
                    .skip(usize::try_from(writer).unwrap())
                    .take(3)
                {
                    let details = json!({ "writer": writer, "number": number });
                    change.add_audit((*about, None), "test.note", details);
                }
                change.commit().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let after: i64 = assert_sound(&data)
        .await
        .iter()
        .map(|chain| chain.rows)
        .sum();
    assert_eq!(after - before, WRITERS * CHANGES * 3);
}

async fn all_contracts(fixture: impl Fn() -> AuditDatabase) {
    any_details_verify(&fixture()).await;
    triggers_refuse_changes_of_the_trail(&fixture()).await;
    tampering_is_found(&fixture()).await;
    concurrent_writers_keep_every_chain_intact(&fixture()).await;
    an_old_trail_is_chained(&fixture()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_works_on_sqlite() {
    all_contracts(AuditDatabase::sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_works_on_postgres() {
    all_contracts(AuditDatabase::postgres).await;
}

#[test]
fn audit_commands_work_on_postgres() {
    let env = TestEnv::empty().with("EKLAVYA_STORE_URL", &TestPostgres::shared());
    env.run(&["init", "--yes"]).ok();
    env.create_project("Shop");
    env.run(&["project", "pause", "shop"]).ok();
    let log = env.run(&["audit", "log", "--output", "json"]).ok().json();
    let actions: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["installation.init", "project.create", "project.advance"]
    );
    let one = env.run(&[
        "audit", "log", "shop", "--action", "project.", "--since", "1", "--output", "json",
    ]);
    assert_eq!(one.ok().json()[0]["position"], 2);
    env.run(&["audit", "verify"]).ok();
    env.run(&["audit", "export", "shop", "--to", "shop.jsonl"])
        .ok();
    let offline = TestEnv::empty();
    let file = env.path().join("shop.jsonl");
    let verified = offline.run(&[
        "audit",
        "verify",
        "--file",
        file.as_str(),
        "--output",
        "json",
    ]);
    assert_eq!(verified.ok().json()[0]["rows"], 2);
}

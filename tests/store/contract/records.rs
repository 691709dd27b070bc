//! Records of a project: decisions, evidence, artifacts, deliveries, events, leases and secrets.

use std::time::Duration;

use eklavya_core::event::Event;
use eklavya_core::lease::{HeldLease, LeaseHolder};
use eklavya_store::events::LockMode;
use eklavya_store::{
    SqlDialect, Store, artifacts, decisions, deliveries, events, evidence, leases, projects,
    secrets,
};

use super::audit_trail::{
    the_audit_trail_is_chained, the_audit_trail_is_filtered, the_audit_trail_only_grows,
};
use super::{is_duplicate, on_each};
use crate::fixtures::project_records::{self, HOSTILE, ProjectRecords, timestamp_at};

#[tokio::test]
async fn records_are_stored_on_each_database() {
    on_each![
        decisions_are_kept,
        evidence_is_kept,
        artifacts_are_kept,
        deliveries_are_kept,
        events_have_an_order,
        the_audit_trail_is_chained,
        the_audit_trail_is_filtered,
        the_audit_trail_only_grows,
        leases_are_held,
        the_schema_is_current,
        secrets_are_kept_sealed,
    ];
}

async fn secrets_are_kept_sealed(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let (project, other) = (
        project_records::project(1, "shop"),
        project_records::project(2, "tea"),
    );
    for project in [&project, &other] {
        projects::insert(&mut tx, project).await.unwrap();
    }
    let lower = project_records::secret(&project, "_lower");
    let mut upper = project_records::secret(&project, "UPPER");
    let others = project_records::secret(&other, "UPPER");
    for secret in [&lower, &upper, &others] {
        secrets::put(&mut tx, secret).await.unwrap();
    }
    upper.sealed = Vec::new();
    upper.uses = "".parse().unwrap();
    upper.version = 2;
    secrets::put(&mut tx, &upper).await.unwrap();
    let own = secrets::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(own, [upper.clone(), lower.clone()]);
    let mut all = secrets::all(&mut tx).await.unwrap();
    all.sort_by_key(|secret| (secret.project != project.id, secret.name.clone()));
    assert_eq!(all, [upper.clone(), lower, others]);
    let (id, name) = (project.id, &upper.name);
    assert!(secrets::remove(&mut tx, id, name).await.unwrap());
    assert!(!secrets::remove(&mut tx, id, name).await.unwrap());
    assert_eq!(secrets::all(&mut tx).await.unwrap().len(), 2);
}

async fn decisions_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    let late = project_records::decision(&project, "plan 1", 2);
    let (upper, lower) = (
        project_records::decision(&project, "Z", 1),
        project_records::decision(&project, "a", 1),
    );
    for decision in [&late, &lower, &upper] {
        decisions::insert(&mut tx, decision).await.unwrap();
    }
    let found = decisions::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(found, [upper, lower, late]);
}

async fn evidence_is_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let mut first = project_records::evidence(&fixture.agent, "C1");
    let tenth = project_records::evidence(&fixture.agent, "C10");
    let mut later = project_records::evidence(&fixture.agent, "B");
    later.round = 2;
    for evidence in [&later, &tenth, &first] {
        evidence::put(&mut tx, evidence).await.unwrap();
    }
    first.passed = true;
    first.command = None;
    first.exit = Some("exited with 0".to_owned());
    evidence::put(&mut tx, &first).await.unwrap();
    let found = evidence::of_project(&mut tx, fixture.project.id)
        .await
        .unwrap();
    assert_eq!(found, [first, tenth, later]);
}

async fn artifacts_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let late = project_records::artifact(Some(&fixture.agent), &fixture.project, 9);
    let early = project_records::artifact(None, &fixture.project, 3);
    for artifact in [&late, &early] {
        artifacts::insert(&mut tx, artifact).await.unwrap();
    }
    let found = artifacts::of_project(&mut tx, fixture.project.id)
        .await
        .unwrap();
    assert_eq!(found, [early, late]);
}

async fn deliveries_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(
        deliveries::of_project(&mut tx, project.id).await.unwrap(),
        None
    );
    let delivery = project_records::delivery(&project);
    deliveries::insert(&mut tx, &delivery).await.unwrap();
    let found = deliveries::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(found, Some(delivery.clone()));
    let refused = deliveries::insert(&mut tx, &delivery).await.unwrap_err();
    assert!(is_duplicate(&refused), "{refused}");
}

async fn events_have_an_order(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(events::newest_seq(&mut tx).await.unwrap(), 0);
    assert_eq!(events::seq_before_last(&mut tx, None, 3).await.unwrap(), 0);
    let event = |number: u32| Event::DemoReady {
        project_id: project.id,
        demo_number: number,
        preview_url: HOSTILE.concat(),
    };
    for number in 0..12 {
        let of = (number != 5).then_some(project.id);
        events::append(&mut tx, of, &event(number), timestamp_at(0))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let given = events::sequence_events(store, LockMode::Wait)
        .await
        .unwrap();
    let again = events::sequence_events(store, LockMode::Skip)
        .await
        .unwrap();
    assert_eq!(again, None);
    let mut tx = store.begin_read().await.unwrap();
    let newest = events::newest_seq(&mut tx).await.unwrap();
    // SQLite has one writer, whose order is that of the sequence numbers.
    assert_eq!(
        given,
        (store.dialect() == SqlDialect::Postgres).then_some(newest)
    );
    let mut after = async |of, since, most| {
        let found = events::read_after(&mut tx, of, since, most).await;
        found.unwrap()
    };
    let all = after(None, 0, 99).await;
    let places: Vec<i64> = all.iter().map(|stored| stored.seq).collect();
    assert_eq!(places, (1..=12).collect::<Vec<i64>>());
    assert_eq!((newest, all[5].project), (12, None));
    let stored_events: Vec<Event> = all.iter().map(|stored| stored.event.clone()).collect();
    assert_eq!(stored_events, (0..12).map(event).collect::<Vec<_>>());
    let own = after(Some(project.id), 4, 2).await;
    assert_eq!(own, [all[4].clone(), all[6].clone()]);
    assert_eq!(after(None, i64::MAX, 9).await, []);
    let of = Some(project.id);
    assert_eq!(events::seq_before_last(&mut tx, None, 7).await.unwrap(), 5);
    assert_eq!(events::seq_before_last(&mut tx, of, 7).await.unwrap(), 4);
}

async fn leases_are_held(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(leases::of_project(&mut tx, project.id).await.unwrap(), None);
    let free = leases::lock(&mut tx, project.id).await.unwrap();
    assert_eq!((free.fence, free.holder), (0, None));
    let holder = |worker: &str| LeaseHolder {
        worker: worker.to_owned(),
        machine: HOSTILE[6].to_owned(),
        host: HOSTILE[2].to_owned(),
        pid: u32::MAX,
        process_start: i64::MAX,
        renewals: 0,
        acquired_at: timestamp_at(0),
        heartbeat: timestamp_at(0),
        expires_at: timestamp_at(30),
    };
    let lease = |fence, worker: &str| HeldLease {
        project: project.id,
        slug: project.slug.clone(),
        fence,
        worker: worker.to_owned(),
    };
    let (early, late) = (lease(1, "one"), lease(2, "other"));
    leases::set_holder(&mut tx, project.id, 1, &holder("one"))
        .await
        .unwrap();
    leases::ensure_held(&mut tx, &early).await.unwrap();
    leases::set_holder(&mut tx, project.id, 2, &holder("other"))
        .await
        .unwrap();
    for lost in [&early, &lease(2, "one"), &lease(3, "other")] {
        let refused = leases::ensure_held(&mut tx, lost).await.unwrap_err();
        assert!(refused.is_lease_lost(), "{refused}");
        let term = Duration::from_secs(9);
        assert!(
            !leases::renew(&mut tx, lost, timestamp_at(2), term)
                .await
                .unwrap()
        );
        assert!(!leases::release(&mut tx, lost).await.unwrap());
    }
    let term = Duration::from_secs(30);
    assert!(
        leases::renew(&mut tx, &late, timestamp_at(2), term)
            .await
            .unwrap()
    );
    let expected = LeaseHolder {
        renewals: 1,
        heartbeat: timestamp_at(2),
        expires_at: timestamp_at(32),
        ..holder("other")
    };
    let found = leases::of_project(&mut tx, project.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.fence, found.holder), (2, Some(expected)));
    assert!(leases::release(&mut tx, &late).await.unwrap());
    let found = leases::lock(&mut tx, project.id).await.unwrap();
    assert_eq!((found.fence, found.holder), (2, None));
    let local = timestamp_at(5);
    let now = leases::read_clock(&mut tx, local).await.unwrap();
    // PostgreSQL returns the server's clock.
    assert_eq!(now == local, store.dialect() == SqlDialect::Sqlite);
}

async fn the_schema_is_current(store: &Store) {
    let found = store.schema_version().await.unwrap();
    assert_eq!(
        (found.found, found.known),
        (
            Some(eklavya_store::LATEST_VERSION),
            eklavya_store::LATEST_VERSION
        )
    );
    assert!(found.is_current() && found.pending_migrations().is_empty());
    let status = store.status().await.unwrap();
    assert!(status.version.starts_with("SQLite 3.") || status.version.starts_with("PostgreSQL 1"));
    assert_eq!(status.version, store.server_version().await.unwrap());
    assert!(status.bytes > 0 && status.tables.iter().any(|table| table.name == "tasks"));
    assert!(status.tables.iter().all(|table| table.rows.is_some()));
}

//! What is written down once: decisions, evidence, deliveries, events, the audit trail, leases.

use std::time::Duration;

use eklavya::domain::audit::{Actor, AuditEntry};
use eklavya::domain::event::Event;
use eklavya::domain::ids::{AgentId, ProjectId};
use eklavya::domain::lease::{Holder, Tenure};
use eklavya::params;
use eklavya::store::events::Patience;
use eklavya::store::{
    Dialect, Store, audit, decisions, deliveries, events, evidence, leases, projects, schema,
};
use serde_json::json;

use super::{is_duplicate, on_each};
use crate::house::{self, HOSTILE, House, at};

#[tokio::test]
async fn records() {
    on_each![
        decisions_are_kept,
        evidence_is_kept,
        deliveries_are_kept,
        events_have_an_order,
        the_audit_trail_only_grows,
        leases_are_held,
        the_schema_is_this_programs,
    ];
}

async fn decisions_are_kept(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let project = house::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    let late = house::decision(&project, "plan 1", 2);
    let (upper, lower) = (
        house::decision(&project, "Z", 1),
        house::decision(&project, "a", 1),
    );
    for decision in [&late, &lower, &upper] {
        decisions::insert(&mut tx, decision).await.unwrap();
    }
    let found = decisions::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(found, [upper, lower, late]);
}

async fn evidence_is_kept(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let house = House::build(&mut tx, 1).await;
    let mut first = house::evidence(&house.agent, "C1");
    let tenth = house::evidence(&house.agent, "C10");
    let mut later = house::evidence(&house.agent, "B");
    later.round = 2;
    for evidence in [&later, &tenth, &first] {
        evidence::put(&mut tx, evidence).await.unwrap();
    }
    first.passed = true;
    first.command = None;
    first.exit = Some("exited with 0".to_owned());
    evidence::put(&mut tx, &first).await.unwrap();
    let found = evidence::of_project(&mut tx, house.project.id)
        .await
        .unwrap();
    assert_eq!(found, [first, tenth, later]);
}

async fn deliveries_are_kept(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let project = house::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(
        deliveries::of_project(&mut tx, project.id).await.unwrap(),
        None
    );
    let delivery = house::delivery(&project);
    deliveries::insert(&mut tx, &delivery).await.unwrap();
    let found = deliveries::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(found, Some(delivery.clone()));
    let refused = deliveries::insert(&mut tx, &delivery).await.unwrap_err();
    assert!(is_duplicate(&refused), "{refused}");
}

async fn events_have_an_order(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let project = house::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(events::newest(&mut tx).await.unwrap(), 0);
    assert_eq!(events::before_last(&mut tx, None, 3).await.unwrap(), 0);
    let event = |number: u32| Event::DemoReady {
        project_id: project.id,
        demo_number: number,
        preview_url: HOSTILE.concat(),
    };
    for number in 0..12 {
        let of = (number != 5).then_some(project.id);
        events::append(&mut tx, of, &event(number), at(0))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let placed = events::place(store, Patience::Wait).await.unwrap();
    let again = events::place(store, Patience::Leave).await.unwrap();
    assert_eq!(again, None);
    let mut tx = store.read().await.unwrap();
    let newest = events::newest(&mut tx).await.unwrap();
    // SQLite has one writer, whose order is that of the places.
    assert_eq!(
        placed,
        (store.dialect() == Dialect::Postgres).then_some(newest)
    );
    let mut after = async |of, since, most| {
        let found = events::after(&mut tx, of, since, most).await;
        found.unwrap()
    };
    let all = after(None, 0, 99).await;
    let places: Vec<i64> = all.iter().map(|stored| stored.seq).collect();
    assert_eq!(places, (1..=12).collect::<Vec<i64>>());
    assert_eq!((newest, all[5].project), (12, None));
    let told: Vec<Event> = all.iter().map(|stored| stored.event.clone()).collect();
    assert_eq!(told, (0..12).map(event).collect::<Vec<_>>());
    let own = after(Some(project.id), 4, 2).await;
    assert_eq!(own, [all[4].clone(), all[6].clone()]);
    assert_eq!(after(None, i64::MAX, 9).await, []);
    let of = Some(project.id);
    assert_eq!(events::before_last(&mut tx, None, 7).await.unwrap(), 5);
    assert_eq!(events::before_last(&mut tx, of, 7).await.unwrap(), 4);
}

async fn the_audit_trail_only_grows(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let project = house::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    let agent = AgentId::random();
    for (number, text) in HOSTILE.iter().enumerate() {
        let entry = AuditEntry {
            project: Some(project.id),
            agent: (number % 2 == 0).then_some(agent),
            actor: Actor::Admin((*text).to_owned()),
            action: format!("try.{number}"),
            details: json!({"text": text, "number": number, "nothing": null}),
        };
        audit::append(&mut tx, &entry, at(0)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.read().await.unwrap();
    let trail = audit::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(trail.len(), HOSTILE.len());
    for (number, (line, text)) in trail.iter().zip(HOSTILE).enumerate() {
        assert_eq!(line.action, format!("try.{number}"));
        assert_eq!(line.actor, format!("admin:{text}"));
        assert_eq!(line.details["text"], text);
        assert_eq!(line.at, at(0));
    }
    let nobody = ProjectId::random();
    assert_eq!(audit::of_project(&mut tx, nobody).await.unwrap(), []);
    drop(tx);
    for statement in [
        "UPDATE audit_logs SET actor = 'me'",
        "DELETE FROM audit_logs",
    ] {
        let mut tx = store.write().await.unwrap();
        let refused = tx.execute(statement, params![]).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

async fn leases_are_held(store: &Store) {
    let mut tx = store.write().await.unwrap();
    let project = house::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(leases::of_project(&mut tx, project.id).await.unwrap(), None);
    let free = leases::lock(&mut tx, project.id).await.unwrap();
    assert_eq!((free.fence, free.holder), (0, None));
    let holder = |worker: &str| Holder {
        worker: worker.to_owned(),
        machine: HOSTILE[6].to_owned(),
        host: HOSTILE[2].to_owned(),
        pid: u32::MAX,
        process_start: i64::MAX,
        beats: 0,
        acquired_at: at(0),
        heartbeat: at(0),
        until: at(30),
    };
    let tenure = |fence, worker: &str| Tenure {
        project: project.id,
        slug: project.slug.clone(),
        fence,
        worker: worker.to_owned(),
    };
    let (early, late) = (tenure(1, "one"), tenure(2, "other"));
    leases::put(&mut tx, project.id, 1, &holder("one"))
        .await
        .unwrap();
    leases::check(&mut tx, &early).await.unwrap();
    leases::put(&mut tx, project.id, 2, &holder("other"))
        .await
        .unwrap();
    for lost in [&early, &tenure(2, "one"), &tenure(3, "other")] {
        let refused = leases::check(&mut tx, lost).await.unwrap_err();
        assert!(refused.is_lease_lost(), "{refused}");
        let term = Duration::from_secs(9);
        assert!(!leases::renew(&mut tx, lost, at(2), term).await.unwrap());
        assert!(!leases::release(&mut tx, lost).await.unwrap());
    }
    let term = Duration::from_secs(30);
    assert!(leases::renew(&mut tx, &late, at(2), term).await.unwrap());
    let expected = Holder {
        beats: 1,
        heartbeat: at(2),
        until: at(32),
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
    let local = at(5);
    let now = leases::now(&mut tx, local).await.unwrap();
    // A server's clock counts, where there is one.
    assert_eq!(now == local, store.dialect() == Dialect::Sqlite);
}

async fn the_schema_is_this_programs(store: &Store) {
    let found = store.schema().await.unwrap();
    assert_eq!(
        (found.found, found.known),
        (Some(schema::KNOWN), schema::KNOWN)
    );
    assert!(found.is_current() && found.pending().is_empty());
    let status = store.status().await.unwrap();
    assert!(status.version.starts_with("SQLite 3.") || status.version.starts_with("PostgreSQL 1"));
    assert_eq!(status.version, store.version().await.unwrap());
    assert!(status.bytes > 0 && status.tables.iter().any(|table| table.name == "tasks"));
    assert!(status.tables.iter().all(|table| table.rows.is_some()));
}

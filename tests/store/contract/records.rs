//! What is written down once: decisions, evidence, deliveries, events, the audit trail, leases.

use std::time::Duration;

use eklavya_core::audit::{AuditActor, AuditEntry, AuditHash, RowContent};
use eklavya_core::event::Event;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::lease::{HeldLease, LeaseHolder};
use eklavya_store::audit::AuditFilter;
use eklavya_store::events::LockMode;
use eklavya_store::params;
use eklavya_store::{
    SqlDialect, Store, artifacts, audit, decisions, deliveries, events, evidence, leases, projects,
    secrets,
};
use serde_json::json;

use super::{is_duplicate, on_each};
use crate::project_records::{self, HOSTILE, ProjectRecords, timestamp_at};

#[tokio::test]
async fn records() {
    on_each![
        decisions_are_kept,
        evidence_is_kept,
        artifacts_are_kept,
        deliveries_are_kept,
        events_have_an_order,
        the_audit_trail_is_chained,
        the_audit_trail_is_looked_through,
        the_audit_trail_only_grows,
        leases_are_held,
        the_schema_is_this_programs,
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
    // SQLite has one writer, whose order is that of the places.
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

/// Writes a line for each hostile text, all but the first three of them of a project, and returns
/// them as they were meant.
async fn write_trail(store: &Store, project: ProjectId, agent: AgentId) -> Vec<AuditEntry> {
    let line = |(number, text): (usize, &&str)| AuditEntry {
        project: (number > 2).then_some(project),
        agent: (number % 2 == 0).then_some(agent),
        actor: AuditActor::Admin((*text).to_owned()),
        action: format!("try.{number}"),
        details: json!({"text": text, "number": number, "nothing": null, "part": 1e16}),
    };
    let entries: Vec<AuditEntry> = HOSTILE.iter().enumerate().map(line).collect();
    let mut tx = store.begin_write().await.unwrap();
    let (first, rest) = entries.split_at(5);
    audit::append(&mut tx, first, timestamp_at(0))
        .await
        .unwrap();
    audit::append(&mut tx, rest, timestamp_at(1)).await.unwrap();
    tx.commit().await.unwrap();
    entries
}

async fn the_audit_trail_is_chained(store: &Store) {
    let (project, agent) = (ProjectId::random(), AgentId::random());
    let entries = write_trail(store, project, agent).await;
    let mut tx = store.begin_read().await.unwrap();
    let all = audit::of_project(&mut tx, project).await.unwrap();
    assert_eq!(all.len(), entries.len() - 3);
    let mut previous = AuditHash::genesis(project.0).to_string();
    for (position, (line, entry)) in (1..).zip(all.iter().zip(&entries[3..])) {
        let RowContent {
            actor,
            action,
            details,
            ..
        } = &line.content;
        assert_eq!((line.chain, line.position), (project.0, position));
        assert_eq!((actor, action), (&entry.actor.to_string(), &entry.action));
        assert_eq!(details["text"], entry.details["text"]);
        // What was read has the hash of what was written.
        let hash = AuditHash::of_row(&line.content.canonical(line.chain, position, &previous));
        assert_eq!(
            (&line.previous_hash, &line.hash),
            (&previous, &hash.to_string())
        );
        previous = line.hash.clone();
    }
    let head = audit::head_of_project(&mut tx, Some(project))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((head.position, head.hash.to_string()), (6, previous));
    assert_eq!(
        audit::head_of_chain(&mut tx, project.0).await.unwrap(),
        Some(head)
    );
    let own = audit::installation_id(&mut tx).await.unwrap();
    let mut chains = vec![own, project.0];
    chains.sort();
    assert_eq!(audit::list_chains(&mut tx).await.unwrap(), chains);
    let unknown = ProjectId::random();
    assert_eq!(
        audit::head_of_project(&mut tx, Some(unknown))
            .await
            .unwrap(),
        None
    );
    assert_eq!(audit::of_project(&mut tx, unknown).await.unwrap(), []);
}

async fn the_audit_trail_is_looked_through(store: &Store) {
    let (project, agent) = (ProjectId::random(), AgentId::random());
    write_trail(store, project, agent).await;
    let mut tx = store.begin_read().await.unwrap();
    let page = audit::read_page(&mut tx, project.0, (2, 0), 2)
        .await
        .unwrap();
    let places: Vec<i64> = page.iter().map(|found| found.position).collect();
    assert_eq!(places, [2, 3]);
    let mut found = async |filter: AuditFilter| {
        let found = audit::list(&mut tx, &filter).await.unwrap();
        let actions = found.into_iter().map(|line| line.content.action);
        actions
            .map(|action| action.replace("try.", ""))
            .collect::<String>()
    };
    let all = AuditFilter::default;
    assert_eq!(found(all()).await, "012345678");
    assert_eq!(
        found(AuditFilter {
            chain: Some(project.0),
            ..all()
        })
        .await,
        "345678"
    );
    assert_eq!(
        found(AuditFilter {
            agent: Some(agent),
            ..all()
        })
        .await,
        "02468"
    );
    assert_eq!(
        found(AuditFilter {
            limit: Some(2),
            ..all()
        })
        .await,
        "78"
    );
    assert_eq!(
        found(AuditFilter {
            since: Some(timestamp_at(1)),
            ..all()
        })
        .await,
        "5678"
    );
    assert_eq!(
        found(AuditFilter {
            after: Some(4),
            ..all()
        })
        .await,
        "78"
    );
    assert_eq!(
        found(AuditFilter {
            action: Some("try.7".to_owned()),
            ..all()
        })
        .await,
        "7"
    );
    assert_eq!(
        found(AuditFilter {
            action: Some("%".to_owned()),
            ..all()
        })
        .await,
        ""
    );
}

async fn the_audit_trail_only_grows(store: &Store) {
    write_trail(store, ProjectId::random(), AgentId::random()).await;
    for statement in [
        "UPDATE audit_logs SET actor = 'me'",
        "DELETE FROM audit_logs",
    ] {
        let mut tx = store.begin_write().await.unwrap();
        let refused = tx.execute(statement, params![]).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
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
    // A server's clock counts, where there is one.
    assert_eq!(now == local, store.dialect() == SqlDialect::Sqlite);
}

async fn the_schema_is_this_programs(store: &Store) {
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

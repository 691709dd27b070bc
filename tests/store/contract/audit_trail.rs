//! The rows of the audit trail: they form chains, can be searched, and cannot be changed.

use eklavya_core::audit::{AuditActor, AuditEntry, AuditHash, RowContent};
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_store::audit::{self, AuditFilter};
use eklavya_store::{Store, params};
use serde_json::json;

use crate::fixtures::project_records::{HOSTILE, timestamp_at};

/// Writes a row for each hostile text, all except the first three for the project, and returns the
/// entries that were written.
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

pub async fn the_audit_trail_is_chained(store: &Store) {
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
        // The row that was read has the hash of the row that was written.
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

pub async fn the_audit_trail_is_filtered(store: &Store) {
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

pub async fn the_audit_trail_only_grows(store: &Store) {
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

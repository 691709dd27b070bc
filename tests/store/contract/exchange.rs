//! The state that workers and agents share: messages, rate limits, the id of the installation.

use std::time::Duration;

use eklavya_core::agent::Agent;
use eklavya_core::agent::message::{Message, MessageRecipient};
use eklavya_core::ids::{AgentId, MessageId, ProjectId};
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_store::{Store, agents, installation, messages, rate_limits};
use serde_json::json;

use super::on_each;
use crate::fixtures::project_records::{self, HOSTILE, ProjectRecords, timestamp_at};

#[tokio::test]
async fn messages_and_shared_limits_work_on_each_database() {
    on_each![
        messages_are_kept,
        messages_are_delivered_once,
        pauses_are_shared,
        rates_are_shared,
        the_installation_keeps_its_id,
    ];
}

fn message(from: &Agent, to: MessageRecipient, second: i64) -> Message {
    Message {
        id: MessageId::random(),
        project: from.project,
        from: Some(from.id),
        to,
        kind: HOSTILE[6].to_owned(),
        payload: json!({"text": HOSTILE, "deep": [[{"a": null}]]}),
        sent_at: timestamp_at(second),
    }
}

async fn messages_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let other = project_records::agent(&fixture.task);
    agents::insert(&mut tx, &other).await.unwrap();
    let late = message(&fixture.agent, MessageRecipient::AllAgents, 9);
    let early = Message {
        from: None,
        ..message(&fixture.agent, MessageRecipient::Agent(other.id), 8)
    };
    let both = [fixture.agent.id, other.id];
    messages::insert(&mut tx, &late, &both).await.unwrap();
    messages::insert(&mut tx, &early, &both[1..]).await.unwrap();
    let all = messages::of_project(&mut tx, fixture.project.id).await;
    assert_eq!(all.unwrap(), [early.clone(), late.clone()]);
    let unknown = ProjectId::random();
    assert_eq!(messages::of_project(&mut tx, unknown).await.unwrap(), []);
    let mut waiting = async |agent, most| {
        let found = messages::list_waiting(&mut tx, agent, most).await;
        found.unwrap()
    };
    assert_eq!(waiting(other.id, 9).await, [early.clone(), late.clone()]);
    assert_eq!(waiting(other.id, 1).await, [early]);
    assert_eq!(waiting(fixture.agent.id, 9).await, [late]);
    assert_eq!(waiting(AgentId::random(), 9).await, []);
}

async fn messages_are_delivered_once(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let to = fixture.agent.id;
    let sent = message(&fixture.agent, MessageRecipient::Agent(to), 1);
    messages::insert(&mut tx, &sent, &[to]).await.unwrap();
    let now = timestamp_at(2);
    let id = sent.id;
    let one = messages::deliver(&mut tx, id, to, "one", now).await;
    assert!(one.unwrap());
    let again = messages::deliver(&mut tx, id, to, "other", now).await;
    assert!(!again.unwrap(), "a message was delivered twice");
    assert_eq!(messages::list_waiting(&mut tx, to, 9).await.unwrap(), []);
    let held = messages::list_unacknowledged(&mut tx, to, "one")
        .await
        .unwrap();
    assert_eq!(held, [sent]);
    for (between, moved) in [(("other", "one"), false), (("one", "other"), true)] {
        let found = messages::reassign(&mut tx, id, to, between, now).await;
        assert_eq!(found.unwrap(), moved, "{between:?}");
    }
    assert_eq!(
        messages::list_unacknowledged(&mut tx, to, "one")
            .await
            .unwrap(),
        []
    );
    for (consumer, done) in [("one", false), ("other", true), ("other", false)] {
        let found = messages::acknowledge(&mut tx, id, to, consumer, now).await;
        assert_eq!(found.unwrap(), done, "{consumer}");
    }
    let over = messages::reassign(&mut tx, id, to, ("other", "one"), now).await;
    assert!(!over.unwrap(), "an acknowledged message was reassigned");
    assert_eq!(
        messages::list_unacknowledged(&mut tx, to, "other")
            .await
            .unwrap(),
        []
    );
}

async fn pauses_are_shared(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let name = HOSTILE[6];
    assert_eq!(
        rate_limits::remaining_pause(&mut tx, name, timestamp_at(0))
            .await
            .unwrap(),
        None
    );
    for pause in [9, 5] {
        let pause = Duration::from_secs(pause);
        rate_limits::pause(&mut tx, name, pause, timestamp_at(0))
            .await
            .unwrap();
    }
    let left = rate_limits::remaining_pause(&mut tx, name, timestamp_at(2))
        .await
        .unwrap();
    assert_eq!(left, Some(Duration::from_secs(7)));
    assert_eq!(
        rate_limits::remaining_pause(&mut tx, name, timestamp_at(9))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        rate_limits::remaining_pause(&mut tx, "other", timestamp_at(2))
            .await
            .unwrap(),
        None
    );
    // The clock was set back.
    assert_eq!(
        rate_limits::remaining_pause(&mut tx, name, timestamp_at(-1_000))
            .await
            .unwrap(),
        None
    );
    rate_limits::pause(&mut tx, name, Duration::MAX, timestamp_at(2))
        .await
        .unwrap();
    assert!(
        rate_limits::remaining_pause(&mut tx, name, timestamp_at(9))
            .await
            .unwrap()
            .is_some()
    );
}

async fn rates_are_shared(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let rate = RateLimit {
        burst: 3,
        interval: Duration::from_secs(10),
    };
    let mut take = async |name, count, second| {
        let turn = rate_limits::try_acquire(&mut tx, name, count, rate, timestamp_at(second)).await;
        turn.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(take("a", 1, 0).await, RateLimitOutcome::Granted);
    }
    assert_eq!(
        take("a", 1, 0).await,
        RateLimitOutcome::Wait(Duration::from_secs(10))
    );
    assert_eq!(take("b", 3, 0).await, RateLimitOutcome::Granted);
    assert_eq!(take("a", 1, 10).await, RateLimitOutcome::Granted);
    assert!(matches!(take("a", 2, 10).await, RateLimitOutcome::Wait(_)));
}

async fn the_installation_keeps_its_id(store: &Store) {
    let name = installation::ensure_id(store).await.unwrap();
    assert_eq!(installation::ensure_id(store).await.unwrap(), name);
    assert!(!name.is_nil());
}

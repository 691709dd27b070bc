//! Messages between agents: the same tests for each bus and each database.

use std::collections::BTreeSet;

use eklavya_core::agent::message::{Message, MessageRecipient};
use eklavya_core::ids::{AgentId, MessageId, ProjectId};
use eklavya_services::messages::{self, NewMessage};
use eklavya_services::{DataStore, ServiceError};
use eklavya_store::{audit, messages as rows};
use serde_json::json;

use crate::bus_fixture::{BusFixture, yield_briefly};

/// The numbers of no messages.
pub const NOTHING: [u64; 0] = [];

#[tokio::test]
async fn message_functions_work_in_process() {
    Box::pin(all_contracts(&BusFixture::in_process().await)).await;
}

#[tokio::test]
async fn message_functions_work_on_redis() {
    Box::pin(all_contracts(&BusFixture::on_redis().await)).await;
}

pub async fn all_contracts(fixture: &BusFixture) {
    a_message_is_delivered_once_and_unchanged(fixture).await;
    a_broadcast_reaches_each_agent(fixture).await;
    concurrent_consumers_share_the_messages(fixture).await;
    Box::pin(messages_of_a_dead_consumer_can_be_claimed(fixture)).await;
    invalid_messages_are_refused_and_not_stored(fixture).await;
}

/// Sends a number to a recipient.
pub async fn send_number(
    data: &DataStore,
    project: ProjectId,
    to: MessageRecipient,
    number: u32,
) -> MessageId {
    let new = NewMessage {
        project,
        from: None,
        to,
        kind: "test".into(),
        payload: json!({ "number": number }),
    };
    let sent = messages::send(data, new).await.unwrap().id;
    // The next message gets a later time.
    yield_briefly().await;
    sent
}

/// Returns the numbers that are delivered to a consumer.
pub async fn receive_numbers(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    most: u32,
) -> Vec<u64> {
    numbers(
        &messages::receive(data, agent, consumer, most)
            .await
            .unwrap(),
    )
}

fn numbers(messages: &[Message]) -> Vec<u64> {
    let number = |message: &Message| message.payload["number"].as_u64().unwrap();
    messages.iter().map(number).collect()
}

async fn a_message_is_delivered_once_and_unchanged(fixture: &BusFixture) {
    let (from, to) = (fixture.add_agent().await, fixture.add_agent().await);
    let new = NewMessage {
        project: fixture.project.id,
        from: Some(from),
        to: MessageRecipient::Agent(to),
        kind: "task.question".into(),
        payload: json!({ "text": "why\u{1b}[2J? \u{e4}", "n": [1, 2.5, null] }),
    };
    let sent = messages::send(&fixture.data, new.clone()).await.unwrap();
    let other = fixture.new_process().await;
    let got = messages::receive(&other, to, "reader", 10).await.unwrap();
    assert_eq!(got, std::slice::from_ref(&sent));
    assert_eq!((sent.from, &sent.payload), (Some(from), &new.payload));
    for (data, consumer) in [(&other, "reader"), (&fixture.data, "other")] {
        assert_eq!(receive_numbers(data, to, consumer, 10).await, NOTHING);
    }
    let done = async |consumer| {
        let done = messages::acknowledge(&other, to, consumer, sent.id).await;
        done.unwrap()
    };
    assert!(
        !done("other").await,
        "the other consumer did not receive the message"
    );
    assert!(done("reader").await);
    assert!(!done("reader").await);
    let mut tx = fixture.data.begin_read().await.unwrap();
    let trail = audit::of_project(&mut tx, fixture.project.id)
        .await
        .unwrap();
    let rows: Vec<_> = trail
        .iter()
        .filter(|line| line.content.action.starts_with("message."))
        .collect();
    let actions: Vec<_> = rows
        .iter()
        .map(|line| line.content.action.as_str())
        .collect();
    assert_eq!(actions, ["message.send", "message.deliver"]);
    assert!(!rows[0].content.details.to_string().contains("why"));
}

async fn a_broadcast_reaches_each_agent(fixture: &BusFixture) {
    let agents = [
        fixture.add_agent().await,
        fixture.add_agent().await,
        fixture.add_agent().await,
    ];
    let ended = fixture.add_agent().await;
    fixture.end_agent(ended).await;
    let new = NewMessage {
        project: fixture.project.id,
        from: Some(agents[0]),
        to: MessageRecipient::AllAgents,
        kind: "test".into(),
        payload: json!({ "number": 1 }),
    };
    let sent = messages::send(&fixture.data, new).await.unwrap();
    send_number(
        &fixture.data,
        fixture.project.id,
        MessageRecipient::Agent(agents[1]),
        2,
    )
    .await;
    assert_eq!(
        receive_numbers(&fixture.data, agents[0], "c", 10).await,
        NOTHING
    );
    assert_eq!(receive_numbers(&fixture.data, agents[1], "c", 1).await, [1]);
    assert_eq!(
        receive_numbers(&fixture.data, agents[1], "c", 10).await,
        [2]
    );
    assert_eq!(
        receive_numbers(&fixture.data, agents[2], "c", 10).await,
        [1]
    );
    assert_eq!(
        receive_numbers(&fixture.data, ended, "c", 10).await,
        NOTHING
    );
    let late = fixture.add_agent().await;
    assert_eq!(receive_numbers(&fixture.data, late, "c", 10).await, NOTHING);
    let mut tx = fixture.data.begin_read().await.unwrap();
    let kept = rows::of_project(&mut tx, fixture.project.id).await.unwrap();
    assert!(kept.contains(&sent));
}

async fn concurrent_consumers_share_the_messages(fixture: &BusFixture) {
    let agent = fixture.add_agent().await;
    for number in 0..12 {
        let to = MessageRecipient::Agent(agent);
        send_number(&fixture.data, fixture.project.id, to, number).await;
    }
    let mut rivals = Vec::new();
    for rival in 0..4 {
        let data = fixture.new_process().await;
        rivals.push(tokio::spawn(async move {
            let (mut all, name) = (Vec::new(), format!("rival {rival}"));
            loop {
                let heard = receive_numbers(&data, agent, &name, 3).await;
                assert!(
                    heard.is_sorted(),
                    "messages arrive in the order in which they were sent"
                );
                // All messages are sent already: an empty answer is the end.
                if heard.is_empty() {
                    return all;
                }
                all.extend(heard);
            }
        }));
    }
    let mut all = Vec::new();
    for rival in rivals {
        all.extend(rival.await.unwrap());
    }
    // The last consumer receives the messages that no other consumer received.
    all.extend(receive_numbers(&fixture.data, agent, "last", 100).await);
    let different: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), different), (12, (0..12).collect()));
}

async fn messages_of_a_dead_consumer_can_be_claimed(fixture: &BusFixture) {
    let agent = fixture.add_agent().await;
    let (data, to) = (&fixture.data, MessageRecipient::Agent(agent));
    let first = send_number(data, fixture.project.id, to, 1).await;
    for number in 2..=4 {
        send_number(data, fixture.project.id, to, number).await;
    }
    assert_eq!(receive_numbers(data, agent, "dead", 3).await, [1, 2, 3]);
    assert_eq!(receive_numbers(data, agent, "alive", 3).await, [4]);
    let done = messages::acknowledge(data, agent, "dead", first).await;
    assert!(done.unwrap());
    let other = fixture.new_process().await;
    let claims = tokio::join!(
        messages::claim(data, agent, "dead", "heir"),
        messages::claim(&other, agent, "dead", "rival"),
    );
    let mut claimed = numbers(&[claims.0.unwrap(), claims.1.unwrap()].concat());
    claimed.sort_unstable();
    assert_eq!(
        claimed,
        [2, 3],
        "each message once, and none of the live consumer"
    );
    let again = messages::claim(data, agent, "dead", "heir").await.unwrap();
    assert_eq!(again, []);
    assert_eq!(receive_numbers(data, agent, "heir", 10).await, NOTHING);
}

async fn invalid_messages_are_refused_and_not_stored(fixture: &BusFixture) {
    let (data, agent, ended) = (
        &fixture.data,
        fixture.add_agent().await,
        fixture.add_agent().await,
    );
    fixture.end_agent(ended).await;
    let before = rows::of_project(&mut data.begin_read().await.unwrap(), fixture.project.id)
        .await
        .unwrap()
        .len();
    let good = NewMessage {
        project: fixture.project.id,
        from: Some(agent),
        to: MessageRecipient::Agent(agent),
        kind: "test".into(),
        payload: json!(1),
    };
    let stranger = AgentId::random();
    for (new, expected) in [
        (
            NewMessage {
                kind: "not a name".into(),
                ..good.clone()
            },
            "invalid message type",
        ),
        (
            NewMessage {
                payload: json!("x".repeat(70_000)),
                ..good.clone()
            },
            "the limit is 65536",
        ),
        (
            NewMessage {
                from: Some(stranger),
                ..good.clone()
            },
            "there is no agent",
        ),
        (
            NewMessage {
                to: MessageRecipient::Agent(stranger),
                ..good.clone()
            },
            "there is no agent",
        ),
        (
            NewMessage {
                project: ProjectId::random(),
                ..good.clone()
            },
            "there is no agent",
        ),
        (
            NewMessage {
                to: MessageRecipient::Agent(ended),
                ..good.clone()
            },
            "has ended (completed) and cannot receive",
        ),
    ] {
        let error: ServiceError = messages::send(data, new).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let mut tx = data.begin_read().await.unwrap();
    let after = rows::of_project(&mut tx, fixture.project.id).await.unwrap();
    assert_eq!(after.len(), before);
}

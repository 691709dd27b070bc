//! Messages between agents: one text for either bus and either database.

use std::collections::BTreeSet;

use eklavya_core::domain::ids::{AgentId, MessageId, ProjectId};
use eklavya_core::domain::message::{Message, Recipient};
use eklavya_services::messages::{self, NewMessage};
use eklavya_services::{Desk, ServiceError};
use eklavya_store::{audit, messages as rows};
use serde_json::json;

use crate::house::{House, pause};

/// What is heard where nothing is said.
pub const NOTHING: [u64; 0] = [];

#[tokio::test]
async fn in_process() {
    Box::pin(all(&House::in_process().await)).await;
}

#[tokio::test]
async fn on_redis() {
    Box::pin(all(&House::on_redis().await)).await;
}

pub async fn all(house: &House) {
    a_message_is_delivered_once_and_as_it_was_said(house).await;
    what_is_said_to_everybody_reaches_each_of_them(house).await;
    rivals_share_the_messages_and_none_twice(house).await;
    Box::pin(what_a_dead_consumer_had_goes_to_its_heir(house)).await;
    what_cannot_be_said_is_refused_and_nothing_is_kept(house).await;
}

/// Says a number to somebody.
pub async fn say(desk: &Desk, project: ProjectId, to: Recipient, number: u32) -> MessageId {
    let new = NewMessage {
        project,
        from: None,
        to,
        kind: "test".into(),
        payload: json!({ "number": number }),
    };
    let sent = messages::send(desk, new).await.unwrap().id;
    // The next one is said at another moment.
    pause().await;
    sent
}

/// Returns the numbers that are delivered to a consumer.
pub async fn hear(desk: &Desk, agent: AgentId, consumer: &str, most: u32) -> Vec<u64> {
    numbers(
        &messages::receive(desk, agent, consumer, most)
            .await
            .unwrap(),
    )
}

fn numbers(messages: &[Message]) -> Vec<u64> {
    let number = |message: &Message| message.payload["number"].as_u64().unwrap();
    messages.iter().map(number).collect()
}

async fn a_message_is_delivered_once_and_as_it_was_said(house: &House) {
    let (from, to) = (house.agent().await, house.agent().await);
    let new = NewMessage {
        project: house.project.id,
        from: Some(from),
        to: Recipient::Agent(to),
        kind: "task.question".into(),
        payload: json!({ "text": "why\u{1b}[2J? \u{e4}", "n": [1, 2.5, null] }),
    };
    let sent = messages::send(&house.desk, new.clone()).await.unwrap();
    let other = house.another().await;
    let got = messages::receive(&other, to, "reader", 10).await.unwrap();
    assert_eq!(got, std::slice::from_ref(&sent));
    assert_eq!((sent.from, &sent.payload), (Some(from), &new.payload));
    for (desk, consumer) in [(&other, "reader"), (&house.desk, "other")] {
        assert_eq!(hear(desk, to, consumer, 10).await, NOTHING);
    }
    let done = async |consumer| {
        let done = messages::acknowledge(&other, to, consumer, sent.id).await;
        done.unwrap()
    };
    assert!(!done("other").await, "it does not have it");
    assert!(done("reader").await);
    assert!(!done("reader").await);
    let mut tx = house.desk.read().await.unwrap();
    let trail = audit::of_project(&mut tx, house.project.id).await.unwrap();
    let said: Vec<_> = trail
        .iter()
        .filter(|line| line.content.action.starts_with("message."))
        .collect();
    let told: Vec<_> = said
        .iter()
        .map(|line| line.content.action.as_str())
        .collect();
    assert_eq!(told, ["message.send", "message.deliver"]);
    assert!(!said[0].content.details.to_string().contains("why"));
}

async fn what_is_said_to_everybody_reaches_each_of_them(house: &House) {
    let agents = [
        house.agent().await,
        house.agent().await,
        house.agent().await,
    ];
    let ended = house.agent().await;
    house.end(ended).await;
    let new = NewMessage {
        project: house.project.id,
        from: Some(agents[0]),
        to: Recipient::Everybody,
        kind: "test".into(),
        payload: json!({ "number": 1 }),
    };
    let sent = messages::send(&house.desk, new).await.unwrap();
    say(
        &house.desk,
        house.project.id,
        Recipient::Agent(agents[1]),
        2,
    )
    .await;
    assert_eq!(hear(&house.desk, agents[0], "c", 10).await, NOTHING);
    assert_eq!(hear(&house.desk, agents[1], "c", 1).await, [1]);
    assert_eq!(hear(&house.desk, agents[1], "c", 10).await, [2]);
    assert_eq!(hear(&house.desk, agents[2], "c", 10).await, [1]);
    assert_eq!(hear(&house.desk, ended, "c", 10).await, NOTHING);
    let late = house.agent().await;
    assert_eq!(hear(&house.desk, late, "c", 10).await, NOTHING);
    let mut tx = house.desk.read().await.unwrap();
    let kept = rows::of_project(&mut tx, house.project.id).await.unwrap();
    assert!(kept.contains(&sent));
}

async fn rivals_share_the_messages_and_none_twice(house: &House) {
    let agent = house.agent().await;
    for number in 0..12 {
        let to = Recipient::Agent(agent);
        say(&house.desk, house.project.id, to, number).await;
    }
    let mut rivals = Vec::new();
    for rival in 0..4 {
        let desk = house.another().await;
        rivals.push(tokio::spawn(async move {
            let (mut all, name) = (Vec::new(), format!("rival {rival}"));
            loop {
                let heard = hear(&desk, agent, &name, 3).await;
                assert!(heard.is_sorted(), "in the order in which they were said");
                // Nobody else adds any: an empty answer is the end.
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
    // A rival may end while another still has some in its hands; then they are delivered to that.
    all.extend(hear(&house.desk, agent, "last", 100).await);
    let different: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), different), (12, (0..12).collect()));
}

async fn what_a_dead_consumer_had_goes_to_its_heir(house: &House) {
    let agent = house.agent().await;
    let (desk, to) = (&house.desk, Recipient::Agent(agent));
    let first = say(desk, house.project.id, to, 1).await;
    for number in 2..=4 {
        say(desk, house.project.id, to, number).await;
    }
    assert_eq!(hear(desk, agent, "dead", 3).await, [1, 2, 3]);
    assert_eq!(hear(desk, agent, "alive", 3).await, [4]);
    let done = messages::acknowledge(desk, agent, "dead", first).await;
    assert!(done.unwrap());
    let other = house.another().await;
    let claims = tokio::join!(
        messages::claim(desk, agent, "dead", "heir"),
        messages::claim(&other, agent, "dead", "rival"),
    );
    let mut claimed = numbers(&[claims.0.unwrap(), claims.1.unwrap()].concat());
    claimed.sort_unstable();
    assert_eq!(claimed, [2, 3], "each once, and nothing of the living");
    let again = messages::claim(desk, agent, "dead", "heir").await.unwrap();
    assert_eq!(again, []);
    assert_eq!(hear(desk, agent, "heir", 10).await, NOTHING);
}

async fn what_cannot_be_said_is_refused_and_nothing_is_kept(house: &House) {
    let (desk, agent, ended) = (&house.desk, house.agent().await, house.agent().await);
    house.end(ended).await;
    let before = rows::of_project(&mut desk.read().await.unwrap(), house.project.id)
        .await
        .unwrap()
        .len();
    let good = NewMessage {
        project: house.project.id,
        from: Some(agent),
        to: Recipient::Agent(agent),
        kind: "test".into(),
        payload: json!(1),
    };
    let stranger = AgentId::random();
    for (new, said) in [
        (
            NewMessage {
                kind: "not a name".into(),
                ..good.clone()
            },
            "the type of a message",
        ),
        (
            NewMessage {
                payload: json!("x".repeat(70_000)),
                ..good.clone()
            },
            "at most 65536 bytes",
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
                to: Recipient::Agent(stranger),
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
                to: Recipient::Agent(ended),
                ..good.clone()
            },
            "is completed: nobody would receive",
        ),
    ] {
        let error: ServiceError = messages::send(desk, new).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let mut tx = desk.read().await.unwrap();
    let after = rows::of_project(&mut tx, house.project.id).await.unwrap();
    assert_eq!(after.len(), before);
}

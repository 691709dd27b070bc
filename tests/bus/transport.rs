//! The transport of the bus: the same tests inside the process and on Redis.

use std::time::Duration;

use crate::bus_fixture::{BusFixture, numbered_news, receive_number, receive_until, yield_briefly};

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::BusFixture::in_process().await).await;
            })*
        }
        mod on_redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::BusFixture::on_redis().await).await;
            })*
        }
    };
}

on_both!(
    every_listener_receives_every_event_once_and_in_order,
    other_processes_receive_the_events_of_a_commit,
    each_text_goes_to_one_consumer,
    messages_of_dead_consumers_are_claimed_once,
    an_inbox_keeps_its_last_thousand_entries,
    inboxes_are_separate,
    the_cache_drops_expired_and_oversized_values,
);

const HOUR: Duration = Duration::from_hours(1);

async fn every_listener_receives_every_event_once_and_in_order(fixture: BusFixture) {
    let other = fixture.new_bus_peer().await;
    let mut ears = [
        fixture.data.bus.subscribe(),
        fixture.data.bus.subscribe(),
        other.bus.subscribe(),
    ];
    fixture
        .data
        .bus
        .publish((0..50).map(numbered_news).collect())
        .await;
    for ear in &mut ears {
        assert_eq!(receive_until(ear, 49).await, (0..50).collect::<Vec<_>>());
    }
    // Any further notification of these would arrive before the next one.
    other.bus.publish(vec![numbered_news(50)]).await;
    fixture.data.bus.publish(vec![numbered_news(51)]).await;
    for ear in &mut ears {
        // Two processes send them, so either may arrive first.
        let mut heard = [receive_number(ear).await, receive_number(ear).await];
        heard.sort_unstable();
        assert_eq!(heard, [50, 51]);
    }
}

async fn other_processes_receive_the_events_of_a_commit(fixture: BusFixture) {
    let other = fixture.new_bus_peer().await;
    let mut ear = other.bus.subscribe();
    let mut change = fixture
        .data
        .begin(&eklavya_core::audit::AuditActor::System)
        .await
        .unwrap();
    change.add_event(Some(fixture.project.id), numbered_news(7).event);
    change.commit().await.unwrap();
    assert_eq!(receive_until(&mut ear, 7).await, [7]);
}

async fn each_text_goes_to_one_consumer(fixture: BusFixture) {
    let (bus, other) = (&fixture.data.bus, fixture.new_bus_peer().await.bus);
    for text in ["a", "b", "c", "d", "e"] {
        bus.send("inbox", text).await.unwrap();
    }
    let first = bus.receive("inbox", "one", 2).await.unwrap();
    let second = other.receive("inbox", "two", 10).await.unwrap();
    let texts = |entries: &[eklavya_services::bus::InboxEntry]| {
        let texts = entries.iter().map(|entry| entry.text.clone());
        texts.collect::<String>()
    };
    assert_eq!((texts(&first), texts(&second)), ("ab".into(), "cde".into()));
    for consumer in ["one", "two", "three"] {
        assert_eq!(bus.receive("inbox", consumer, 10).await.unwrap(), []);
    }
    let ids: Vec<String> = first.into_iter().map(|entry| entry.id).collect();
    assert_eq!(other.acknowledge("inbox", &ids).await, Ok(2));
    assert_eq!(bus.acknowledge("inbox", &ids).await, Ok(0));
    assert_eq!(bus.acknowledge("inbox", &[]).await, Ok(0));
    // A later entry is received as well.
    other.send("inbox", "f").await.unwrap();
    let later = bus.receive("inbox", "one", 10).await.unwrap();
    assert_eq!(texts(&later), "f");
}

async fn messages_of_dead_consumers_are_claimed_once(fixture: BusFixture) {
    let bus = &fixture.data.bus;
    for text in ["a", "b", "c"] {
        bus.send("inbox", text).await.unwrap();
    }
    let had = bus.receive("inbox", "dead", 2).await.unwrap();
    let alive = bus.receive("inbox", "alive", 2).await.unwrap();
    bus.acknowledge("inbox", &[had[0].id.clone()])
        .await
        .unwrap();
    let other = fixture.new_bus_peer().await.bus;
    let claims = tokio::join!(
        bus.claim("inbox", "dead", "heir"),
        other.claim("inbox", "dead", "rival")
    );
    let mut claimed = [claims.0.unwrap(), claims.1.unwrap()].concat();
    assert_eq!(
        claimed,
        [had[1].clone()],
        "the live consumer keeps its own entry"
    );
    assert_eq!(bus.claim("inbox", "dead", "heir").await, Ok(vec![]));
    assert_eq!(bus.claim("no inbox", "dead", "heir").await, Ok(vec![]));
    claimed.extend(alive);
    let ids: Vec<String> = claimed.into_iter().map(|entry| entry.id).collect();
    assert_eq!(bus.acknowledge("inbox", &ids).await, Ok(2));
}

async fn an_inbox_keeps_its_last_thousand_entries(fixture: BusFixture) {
    let bus = &fixture.data.bus;
    for n in 0..1_010 {
        bus.send("inbox", &n.to_string()).await.unwrap();
    }
    let kept = bus.receive("inbox", "one", 5_000).await.unwrap();
    let (first, last) = (kept.first().unwrap(), kept.last().unwrap());
    assert_eq!(
        (first.text.as_str(), last.text.as_str(), kept.len()),
        ("10", "1009", 1_000)
    );
}

async fn inboxes_are_separate(fixture: BusFixture) {
    let bus = &fixture.data.bus;
    assert_eq!(bus.receive("a", "one", 10).await, Ok(vec![]));
    bus.send("a", "of a").await.unwrap();
    bus.send("b", "of b").await.unwrap();
    let of_a = bus.receive("a", "one", 10).await.unwrap();
    assert_eq!((of_a.len(), of_a[0].text.as_str()), (1, "of a"));
    let ids = [of_a[0].id.clone()];
    assert_eq!(bus.acknowledge("c", &ids).await, Ok(0));
    assert_eq!(bus.acknowledge("a", &ids).await, Ok(1));
}

async fn the_cache_drops_expired_and_oversized_values(fixture: BusFixture) {
    let (bus, other) = (&fixture.data.bus, fixture.new_bus_peer().await.bus);
    assert_eq!(bus.get("key").await, None);
    bus.put("key", "old", HOUR).await;
    bus.put("key", "new", HOUR).await;
    assert_eq!(other.get("key").await, Some("new".into()));
    bus.put("short", "x", Duration::from_millis(1)).await;
    while bus.get("short").await.is_some() {
        yield_briefly().await;
    }
    assert_eq!(bus.get("key").await, Some("new".into()));
    let large = "x".repeat(64 * 1024);
    bus.put("large", &large, HOUR).await;
    assert_eq!(other.get("large").await, Some(large.clone()));
    bus.put("too large", &(large + "x"), HOUR).await;
    assert_eq!(bus.get("too large").await, None);
}

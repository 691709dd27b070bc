//! Redis becomes unavailable during work, and comes back.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eklavya_core::agent::message::MessageRecipient;
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_services::bus::{BusSignal, BusUnavailable, OnUnavailable, RedisServer};
use eklavya_services::shared_limits::SharedLimits;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use url::Url;
use uuid::Uuid;

use crate::bus_fixture::{BusFixture, numbered_news, receive_number, receive_until, yield_briefly};
use crate::messages::{NOTHING, receive_numbers, send_number};

const HOUR: Duration = Duration::from_hours(1);

/// The warnings and errors that this test logs.
#[derive(Clone, Default)]
struct CapturedWarnings(Arc<Mutex<Vec<u8>>>);

impl CapturedWarnings {
    fn capture() -> (Self, DefaultGuard) {
        let warnings = Self::default();
        let writer = warnings.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::WARN)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (warnings, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for CapturedWarnings {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn messages_survive_a_server_crash_and_none_is_delivered_twice() {
    let (warnings, _guard) = CapturedWarnings::capture();
    let mut fixture = BusFixture::on_redis().await;
    let (agent, data) = (fixture.add_agent().await, fixture.data.clone());
    let (to, project) = (MessageRecipient::Agent(agent), fixture.project.id);
    send_number(&data, project, to, 1).await;
    send_number(&data, project, to, 2).await;
    assert_eq!(receive_numbers(&data, agent, "c", 1).await, [1]);
    fixture.redis_server().kill();
    send_number(&data, project, to, 3).await;
    assert_eq!(receive_numbers(&data, agent, "c", 1).await, [2]);
    send_number(&data, project, to, 4).await;
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    assert!(warnings.lines()[0].contains("Redis is unavailable"));
    fixture.redis_server().restart();
    fixture.wait_until_connected(true).await;
    send_number(&data, project, to, 5).await;
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, [3, 4, 5]);
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, NOTHING);
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    fixture.redis_server().kill();
    fixture.wait_until_connected(false).await;
    assert_eq!(
        warnings.lines().len(),
        2,
        "a second outage is reported again"
    );
}

#[tokio::test]
async fn listeners_get_a_gap_and_then_receive_events_again() {
    let mut fixture = BusFixture::on_redis().await;
    let other = fixture.new_process().await;
    let mut ear = fixture.data.bus.subscribe();
    other.bus.publish(vec![numbered_news(1)]).await;
    assert_eq!(receive_until(&mut ear, 1).await, [1]);
    fixture.redis_server().kill();
    // The process notices the outage without a request.
    fixture.wait_until_connected(false).await;
    fixture.data.bus.publish(vec![numbered_news(2)]).await;
    assert_eq!(
        receive_until(&mut ear, 2).await,
        [2],
        "a process receives its own events without the server"
    );
    other.bus.publish(vec![numbered_news(3)]).await;
    assert_eq!(ear.next().await, Some(BusSignal::Gap));
    fixture.redis_server().restart();
    fixture.wait_until_connected(true).await;
    while other.bus.connection_generation().is_none() {
        yield_briefly().await;
    }
    other.bus.publish(vec![numbered_news(4)]).await;
    fixture.data.bus.publish(vec![numbered_news(5)]).await;
    let mut heard = [
        receive_number(&mut ear).await,
        receive_number(&mut ear).await,
    ];
    heard.sort_unstable();
    assert_eq!(heard, [4, 5]);
}

#[tokio::test]
async fn a_frozen_server_does_not_stop_the_work() {
    let (warnings, _guard) = CapturedWarnings::capture();
    let fixture = BusFixture::on_redis().await;
    let (agent, data) = (fixture.add_agent().await, fixture.data.clone());
    let to = MessageRecipient::Agent(agent);
    fixture.redis.as_ref().unwrap().freeze();
    send_number(&data, fixture.project.id, to, 1).await;
    assert_eq!(
        data.bus.connection_generation(),
        None,
        "one unanswered request is enough to disconnect"
    );
    assert_eq!(data.bus.send("inbox", "x").await, Err(BusUnavailable));
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, [1]);
    let limits = SharedLimits::new(data.clone());
    limits.pause("model", HOUR).await.unwrap();
    assert!(limits.remaining_pause("model").await.unwrap().is_some());
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    fixture.redis.as_ref().unwrap().thaw();
    fixture.wait_until_connected(true).await;
    // Requests from before the freeze are finished and deliver nothing new.
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, NOTHING);
    send_number(&data, fixture.project.id, to, 2).await;
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, [2]);
}

#[tokio::test]
async fn a_pause_survives_a_server_that_restarts_empty() {
    let mut fixture = BusFixture::on_redis().await;
    let one = SharedLimits::new(fixture.data.clone());
    let two = SharedLimits::new(fixture.new_process().await);
    one.pause("model", HOUR).await.unwrap();
    assert!(two.remaining_pause("model").await.unwrap().is_some());
    fixture.redis_server().kill();
    fixture.wait_until_connected(false).await;
    assert!(one.remaining_pause("model").await.unwrap().is_some());
    one.pause("other", HOUR).await.unwrap();
    fixture.redis_server().restart();
    fixture.wait_until_connected(true).await;
    for name in ["model", "other"] {
        let left = one.remaining_pause(name).await.unwrap().unwrap();
        assert!(left > HOUR / 2 && left <= HOUR, "{left:?}");
        let left = fixture.data.bus.remaining_pause(name).await.unwrap();
        assert!(left.is_some(), "the server has the pause of {name} again");
    }
}

#[tokio::test]
async fn rate_limits_continue_in_the_database() {
    let mut fixture = BusFixture::on_redis().await;
    let limits = SharedLimits::new(fixture.data.clone());
    let rate = RateLimit {
        burst: 1,
        interval: HOUR,
    };
    assert_eq!(
        limits.try_acquire("m", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    fixture.redis_server().kill();
    assert_eq!(
        limits.try_acquire("m", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    let next = limits.try_acquire("m", 1, rate).await.unwrap();
    assert!(matches!(next, RateLimitOutcome::Wait(_)), "{next:?}");
}

#[tokio::test]
async fn a_server_that_refuses_writes_is_reported_once() {
    let (warnings, _guard) = CapturedWarnings::capture();
    let fixture = BusFixture::on_redis().await;
    let (agent, data) = (fixture.add_agent().await, fixture.data.clone());
    let redis = fixture.redis.as_ref().unwrap();
    redis.query::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let to = MessageRecipient::Agent(agent);
    send_number(&data, fixture.project.id, to, 1).await;
    send_number(&data, fixture.project.id, to, 2).await;
    assert_eq!(receive_numbers(&data, agent, "c", 10).await, [1, 2]);
    let limits = SharedLimits::new(data.clone());
    limits.pause("model", HOUR).await.unwrap();
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    assert!(warnings.lines()[0].contains("OOM"));
    // The server answers, but the database still decides.
    assert!(limits.remaining_pause("model").await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_used_once_it_runs() {
    let (warnings, _guard) = CapturedWarnings::capture();
    let mut redis = eklavya_testkit::servers::redis::TestRedis::on_tcp();
    let url = Url::parse(&redis.url()).unwrap();
    redis.kill();
    let server = RedisServer::new(&url, None).unwrap();
    let bus = eklavya_services::bus::Bus::open(server, Uuid::new_v4(), OnUnavailable::Warn)
        .await
        .unwrap();
    assert_eq!(bus.send("inbox", "x").await, Err(BusUnavailable));
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    redis.restart();
    while bus.connection_generation().is_none() {
        yield_briefly().await;
    }
    assert_eq!(bus.send("inbox", "x").await, Ok(()));
    assert_eq!(bus.receive("inbox", "c", 9).await.unwrap().len(), 1);
}

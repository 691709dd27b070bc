//! The server goes away in the middle of the work, and comes back.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eklavya_core::domain::message::Recipient;
use eklavya_core::domain::rate::{Rate, Turn};
use eklavya_services::bus::{Away, Heard, Server, WhenAway};
use eklavya_services::limits::Limits;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use url::Url;
use uuid::Uuid;

use crate::house::{House, hear_one, hear_until, news, pause};
use crate::said::{NOTHING, hear, say};

const HOUR: Duration = Duration::from_hours(1);

/// What was logged as a warning or worse in this test.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<u8>>>);

impl Warnings {
    fn listen() -> (Self, DefaultGuard) {
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

impl Write for Warnings {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn messages_outlive_the_server_and_none_comes_twice() {
    let (warnings, _guard) = Warnings::listen();
    let mut house = House::on_redis().await;
    let (agent, desk) = (house.agent().await, house.desk.clone());
    let (to, project) = (Recipient::Agent(agent), house.project.id);
    say(&desk, project, to, 1).await;
    say(&desk, project, to, 2).await;
    assert_eq!(hear(&desk, agent, "c", 1).await, [1]);
    house.redis().kill();
    say(&desk, project, to, 3).await;
    assert_eq!(hear(&desk, agent, "c", 1).await, [2]);
    say(&desk, project, to, 4).await;
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    assert!(warnings.lines()[0].contains("Redis is away"));
    house.redis().restart();
    house.until_connected(true).await;
    say(&desk, project, to, 5).await;
    assert_eq!(hear(&desk, agent, "c", 10).await, [3, 4, 5]);
    assert_eq!(hear(&desk, agent, "c", 10).await, NOTHING);
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    house.redis().kill();
    house.until_connected(false).await;
    assert_eq!(warnings.lines().len(), 2, "away again is told again");
}

#[tokio::test]
async fn listeners_are_told_of_the_gap_and_hear_again() {
    let mut house = House::on_redis().await;
    let other = house.another().await;
    let mut ear = house.desk.bus.subscribe();
    other.bus.publish(vec![news(1)]).await;
    assert_eq!(hear_until(&mut ear, 1).await, [1]);
    house.redis().kill();
    // Nobody asks anything, and yet it is noticed.
    house.until_connected(false).await;
    house.desk.bus.publish(vec![news(2)]).await;
    assert_eq!(
        hear_until(&mut ear, 2).await,
        [2],
        "its own is heard anyway"
    );
    other.bus.publish(vec![news(3)]).await;
    assert_eq!(ear.next().await, Some(Heard::Gap));
    house.redis().restart();
    house.until_connected(true).await;
    while other.bus.connection().is_none() {
        pause().await;
    }
    other.bus.publish(vec![news(4)]).await;
    house.desk.bus.publish(vec![news(5)]).await;
    let mut heard = [hear_one(&mut ear).await, hear_one(&mut ear).await];
    heard.sort_unstable();
    assert_eq!(heard, [4, 5]);
}

#[tokio::test]
async fn a_frozen_server_does_not_stop_the_work() {
    let (warnings, _guard) = Warnings::listen();
    let house = House::on_redis().await;
    let (agent, desk) = (house.agent().await, house.desk.clone());
    let to = Recipient::Agent(agent);
    house.redis.as_ref().unwrap().freeze();
    say(&desk, house.project.id, to, 1).await;
    assert_eq!(desk.bus.connection(), None, "one question was enough");
    assert_eq!(desk.bus.send("inbox", "x").await, Err(Away));
    assert_eq!(hear(&desk, agent, "c", 10).await, [1]);
    let limits = Limits::new(desk.clone());
    limits.park("model", HOUR).await.unwrap();
    assert!(limits.parked("model").await.unwrap().is_some());
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    house.redis.as_ref().unwrap().thaw();
    house.until_connected(true).await;
    // What was asked before it froze is done by now, and is nothing new to anybody.
    assert_eq!(hear(&desk, agent, "c", 10).await, NOTHING);
    say(&desk, house.project.id, to, 2).await;
    assert_eq!(hear(&desk, agent, "c", 10).await, [2]);
}

#[tokio::test]
async fn a_pause_outlives_a_server_that_comes_back_empty() {
    let mut house = House::on_redis().await;
    let one = Limits::new(house.desk.clone());
    let two = Limits::new(house.another().await);
    one.park("model", HOUR).await.unwrap();
    assert!(two.parked("model").await.unwrap().is_some());
    house.redis().kill();
    house.until_connected(false).await;
    assert!(one.parked("model").await.unwrap().is_some());
    one.park("other", HOUR).await.unwrap();
    house.redis().restart();
    house.until_connected(true).await;
    for name in ["model", "other"] {
        let left = one.parked(name).await.unwrap().unwrap();
        assert!(left > HOUR / 2 && left <= HOUR, "{left:?}");
        let left = house.desk.bus.parked(name).await.unwrap();
        assert!(left.is_some(), "the server knows {name} again");
    }
}

#[tokio::test]
async fn rates_go_on_in_the_database() {
    let mut house = House::on_redis().await;
    let limits = Limits::new(house.desk.clone());
    let rate = Rate {
        burst: 1,
        interval: HOUR,
    };
    assert_eq!(limits.take("m", 1, rate).await.unwrap(), Turn::Granted);
    house.redis().kill();
    assert_eq!(limits.take("m", 1, rate).await.unwrap(), Turn::Granted);
    let next = limits.take("m", 1, rate).await.unwrap();
    assert!(matches!(next, Turn::Wait(_)), "{next:?}");
}

#[tokio::test]
async fn a_server_that_refuses_is_told_of_once() {
    let (warnings, _guard) = Warnings::listen();
    let house = House::on_redis().await;
    let (agent, desk) = (house.agent().await, house.desk.clone());
    let redis = house.redis.as_ref().unwrap();
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let to = Recipient::Agent(agent);
    say(&desk, house.project.id, to, 1).await;
    say(&desk, house.project.id, to, 2).await;
    assert_eq!(hear(&desk, agent, "c", 10).await, [1, 2]);
    let limits = Limits::new(desk.clone());
    limits.park("model", HOUR).await.unwrap();
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    assert!(warnings.lines()[0].contains("OOM"));
    // It is there and answers: what the database knows still counts.
    assert!(limits.parked("model").await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_taken_up_when_it_comes() {
    let (warnings, _guard) = Warnings::listen();
    let mut redis = crate::redis_server::Redis::on_tcp();
    let url = Url::parse(&redis.url()).unwrap();
    redis.kill();
    let server = Server::new(&url, None).unwrap();
    let bus = eklavya_services::bus::Bus::open(server, Uuid::new_v4(), WhenAway::Warn)
        .await
        .unwrap();
    assert_eq!(bus.send("inbox", "x").await, Err(Away));
    assert_eq!(warnings.lines().len(), 1, "{:?}", warnings.lines());
    redis.restart();
    while bus.connection().is_none() {
        pause().await;
    }
    assert_eq!(bus.send("inbox", "x").await, Ok(()));
    assert_eq!(bus.receive("inbox", "c", 9).await.unwrap().len(), 1);
}

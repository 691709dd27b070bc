//! Opening the bus: valid settings, and the errors of invalid ones.

use eklavya_services::bus::{Bus, BusError, OnUnavailable, RedisServer};
use eklavya_testkit::host::refusing_port;
use eklavya_testkit::servers::redis::TestRedis;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::bus_fixture::{numbered_news, receive_until};
use crate::impostor::ImpostorServer;

async fn open_bus(url: &str, password: Option<&str>) -> Result<Bus, BusError> {
    let password = password.map(SecretString::from);
    let server = RedisServer::new(&Url::parse(url).unwrap(), password)?;
    Bus::open(server, Uuid::new_v4(), OnUnavailable::Refuse).await
}

async fn open_error(url: &str, password: Option<&str>) -> BusError {
    let error = open_bus(url, password).await.unwrap_err();
    for form in [error.to_string(), format!("{error:?}")] {
        assert!(!form.contains("s3cret"), "{form}");
    }
    error
}

#[tokio::test]
async fn the_password_is_required_and_never_shown() {
    let redis = TestRedis::guarded("s3cret @/?");
    for (url, password) in [
        (redis.url(), Some("s3cret @/?")),
        (redis.url_with("s3cret @/?"), None),
        (redis.url_with("wrong"), Some("s3cret @/?")),
    ] {
        let bus = open_bus(&url, password).await.unwrap();
        let mut ear = bus.subscribe();
        bus.publish(vec![numbered_news(1)]).await;
        assert_eq!(receive_until(&mut ear, 1).await, [1]);
        assert!(bus.connection_generation().is_some());
        assert!(!format!("{bus:?}").contains("s3cret"));
    }
    for (url, password, text) in [
        (
            redis.url(),
            None,
            "requires a password, but none is configured",
        ),
        (
            redis.url(),
            Some("s3cret"),
            "refused the user or the password",
        ),
        (
            redis.url_with("s3cret"),
            None,
            "refused the user or the password",
        ),
    ] {
        let error = open_error(&url, password).await;
        assert!(matches!(error, BusError::Unauthorized { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_with_its_version() {
    for version in ["2.8.24", "5.0.14", "6.0.16"] {
        let impostor = ImpostorServer::of_version(version);
        let error = open_error(&impostor.url, None).await;
        assert!(matches!(error, BusError::TooOld { .. }), "{error}");
        assert!(error.to_string().contains(version), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_redis_is_refused() {
    let http = ImpostorServer::start(|_| Some("HTTP/1.1 400 Bad Request\r\n\r\n".into()));
    let error = open_error(&http.url, None).await;
    assert!(matches!(error, BusError::NotRedis { .. }), "{error}");
    let nameless = ImpostorServer::start(|question| {
        Some(if question.starts_with("INFO") {
            "$0\r\n\r\n".into()
        } else {
            "+OK\r\n".to_owned()
        })
    });
    let error = open_error(&nameless.url, None).await;
    assert!(matches!(error, BusError::NotRedis { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_or_silent_server_is_unavailable() {
    let free = refusing_port();
    let silent = ImpostorServer::start(|_| None);
    let error = open_error(&silent.url, None).await;
    assert!(error.is_away(), "{error}");
    for url in [
        format!("redis://:s3cret@127.0.0.1:{free}/"),
        "unix:///nowhere/redis.sock".to_owned(),
    ] {
        let error = open_error(&url, None).await;
        assert!(error.is_away(), "{error}");
        let server = RedisServer::new(&Url::parse(&url).unwrap(), None).unwrap();
        let bus = Bus::open(server, Uuid::new_v4(), OnUnavailable::Warn).await;
        assert_eq!(bus.unwrap().connection_generation(), None);
    }
}

#[tokio::test]
async fn installations_share_a_server_and_nothing_else() {
    let redis = TestRedis::on_tcp();
    let (one, two) = (
        open_bus(&redis.url(), None).await,
        open_bus(&redis.url(), None).await,
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let mut ear = two.subscribe();
    one.publish(vec![numbered_news(1)]).await;
    one.send("inbox", "x").await.unwrap();
    one.pause("model", std::time::Duration::from_hours(1))
        .await
        .unwrap();
    one.put("key", "value", std::time::Duration::from_hours(1))
        .await;
    two.publish(vec![numbered_news(2)]).await;
    assert_eq!(receive_until(&mut ear, 2).await, [2]);
    assert_eq!(two.receive("inbox", "c", 10).await, Ok(vec![]));
    assert_eq!(two.remaining_pause("model").await, Ok(None));
    assert_eq!(two.get("key").await, None);
    let names: Vec<String> = redis.query(&["KEYS", "*"]);
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        assert!(name.starts_with("eklavya:"), "{name}");
        let left: i64 = redis.query(&["PTTL", &name]);
        assert!(left > 0, "{name} never expires");
    }
}

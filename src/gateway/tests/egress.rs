//! The proxy at a door.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use super::house::{House, Plan};
use crate::egress::{Resolve, SystemResolver};
use crate::*;
use eklavya_core::domain::egress::{HostList, Target};
use eklavya_sandbox::proxy::Previews;
use eklavya_services::audit;
use eklavya_store::audit::Filter;

pub const SCRIPT: &str =
    "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: hi\n";

/// Every name is this machine, or what was said.
#[derive(Debug)]
struct Everything(IpAddr);

impl Resolve for Everything {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(vec![self.0]) })
    }
}

/// A server that answers each connection with what it was sent, in the form of HTTP.
async fn mirror() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n");
                let answer = [head.as_bytes(), &request[..count]].concat();
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    port
}

pub fn hosts(list: &str) -> Reach {
    Reach::Hosts {
        key: "egress.packages",
        list: Arc::new(HostList::parse(list).unwrap()),
    }
}

pub async fn house(reach: Reach, private: &str) -> House {
    let everything = Everything(Ipv4Addr::LOCALHOST.into());
    house_that_asks(Arc::new(everything), reach, private).await
}

/// Opens a door whose proxy asks `resolver` for names.
pub async fn house_that_asks(resolver: Arc<dyn Resolve>, reach: Reach, private: &str) -> House {
    let mut plan = Plan::script(SCRIPT);
    plan.reach = reach;
    plan.egress = EgressConfig {
        private: HostList::parse(private).unwrap(),
        resolver,
        limits: EgressLimits {
            idle: Duration::from_secs(2),
            bytes: Some(100_000),
            ..EgressLimits::default()
        },
    };
    plan.open().await
}

impl House {
    pub fn key(&self) -> String {
        let key = format!("agent:{}", self.door.token().expose_secret());
        format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(key))
    }

    /// Sends a request's head with the door's key and returns the beginning of the answer.
    pub async fn proxied(&self, head: &str) -> String {
        self.sent(&format!("{head}\r\n{}\r\n", self.key())).await.0
    }

    /// Sends bytes and returns the beginning of the answer, and the connection.
    pub async fn sent(&self, text: &str) -> (String, UnixStream) {
        let mut stream = UnixStream::connect(self.door.socket()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        (heard(&mut stream).await, stream)
    }

    /// Returns what the audit trail tells of the proxy, once there are so many lines.
    pub async fn lines(&self, count: usize) -> Vec<Value> {
        let filter = Filter {
            chain: Some(self.books.project.id.0),
            action: Some("egress.request".to_owned()),
            ..Filter::default()
        };
        for _ in 0..500 {
            let lines = audit::list(self.books.costs.desk(), &filter).await.unwrap();
            if lines.len() >= count {
                return lines.into_iter().map(|line| line.content.details).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there are fewer than {count} lines");
    }
}

pub async fn heard(stream: &mut UnixStream) -> String {
    let mut heard = Vec::new();
    let mut chunk = vec![0; 8192];
    while let Ok(Ok(count @ 1..)) =
        tokio::time::timeout(Duration::from_millis(300), stream.read(&mut chunk)).await
    {
        heard.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_tunnel_leads_to_a_listed_host_and_is_one_line_of_the_trail() {
    let port = mirror().await;
    let list = format!("registry.example:{port}");
    let house = house(hosts(&list), &list).await;
    let connect = format!(
        "CONNECT {list} HTTP/1.1\r\nHost: {list}\r\n{}\r\n",
        house.key()
    );
    let (answer, mut stream) = house.sent(&connect).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stream.write_all(b"hello there").await.unwrap();
    let back = heard(&mut stream).await;
    assert!(back.ends_with("hello there"), "{back}");
    drop(stream);
    let line = house.lines(1).await.remove(0);
    assert_eq!(line["decision"], "allowed");
    assert_eq!(
        (&line["method"], &line["target"]),
        (&"CONNECT".into(), &list.into())
    );
    assert_eq!(line["address"], format!("127.0.0.1:{port}"));
    assert_eq!(
        (line["up"].as_u64(), line["down"].as_u64()),
        (Some(11), Some(50))
    );
}

#[tokio::test]
async fn what_is_not_listed_or_not_public_is_denied_and_noted() {
    let house = house(hosts("registry.example"), "").await;
    for (target, status, why) in [
        (
            "evil.example:443",
            403,
            "not among the hosts of egress.packages",
        ),
        ("registry.example:80", 403, "not among the hosts"),
        ("registry.example:443", 403, "127.0.0.1 is loopback"),
        ("127.0.0.1:443", 403, "not among the hosts"),
        ("0x7f.1:443", 400, "no name of a host"),
        (
            "registry.example@evil.example:443",
            400,
            "must not hold a user",
        ),
        ("registry.example", 400, "names no port"),
    ] {
        let answer = house.proxied(&format!("CONNECT {target} HTTP/1.1")).await;
        let begins = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&begins), "{target}: {answer}");
        // hyper refuses some of them before we see them.
        assert!(
            answer.contains(why) || answer.ends_with("\r\n\r\n"),
            "{target}: {answer}"
        );
    }
    let lines = house.lines(5).await;
    assert!(
        lines.iter().all(|line| line["decision"] == "denied"),
        "{lines:#?}"
    );
    assert_eq!(lines[0]["target"], "evil.example:443");
    assert_eq!(lines[0]["status"], 403);
}

#[tokio::test]
async fn the_key_of_the_door_is_wanted_and_no_other_opens_it() {
    let port = mirror().await;
    let list = format!("registry.example:{port}");
    let house = house(hosts(&list), &list).await;
    let bare = format!("CONNECT {list} HTTP/1.1\r\n\r\n");
    let (answer, _) = house.sent(&bare).await;
    assert!(answer.starts_with("HTTP/1.1 407"), "{answer}");
    assert!(answer.contains("proxy-authenticate: Basic"), "{answer}");
    let wrong = STANDARD.encode("agent:eklavya-door-of-somebody-else");
    let other = format!("CONNECT {list} HTTP/1.1\r\nProxy-Authorization: Basic {wrong}\r\n\r\n");
    let (answer, _) = house.sent(&other).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // Who asks without a key is only told which kind is wanted.
    assert_eq!(house.lines(1).await.len(), 1);
}

#[tokio::test]
async fn plain_http_goes_where_its_uri_says_and_nowhere_else() {
    let port = mirror().await;
    let list = format!("registry.example:{port}");
    let house = house(hosts(&list), &list).await;
    let request = format!(
        "POST http://{list}/a?b=c HTTP/1.1\r\nHost: evil.example\r\nX-Kept: 1\r\nX-Hop: 2\r\n\
         Connection: x-hop\r\nProxy-Connection: keep-alive\r\nContent-Length: 4\r\n{}\r\nbody",
        house.key()
    );
    let (answer, _) = house.sent(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, seen) = answer.split_once("\r\n\r\n").unwrap();
    assert!(seen.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: {list}\r\n")) && seen.contains("x-kept: 1"),
        "{seen}"
    );
    for gone in ["evil.example", "x-hop", "authorization", "proxy-connection"] {
        assert!(!seen.to_lowercase().contains(gone), "{gone}: {seen}");
    }
    let line = house.lines(1).await.remove(0);
    assert_eq!((&line["method"], &line["up"]), (&"POST".into(), &4.into()));
    for (url, why) in [
        (format!("https://{list}/"), "use CONNECT"),
        (format!("http://user@{list}/"), "must not hold a user"),
        ("http://evil.example/".to_owned(), "not among the hosts"),
        (
            "http://registry.example:0/".to_owned(),
            "no port from 1 to 65535",
        ),
        (
            "http://registry.example:99999/".to_owned(),
            "no port from 1 to 65535",
        ),
    ] {
        let answer = house.proxied(&format!("GET {url} HTTP/1.1")).await;
        assert!(answer.contains(why), "{url}: {answer}");
    }
}

#[tokio::test]
async fn a_target_that_is_not_there_is_noted_as_failed_and_not_as_denied() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", gone.local_addr().unwrap().port());
    drop(gone);
    let house = house(hosts(&list), &list).await;
    for request in [format!("CONNECT {list}"), format!("GET http://{list}/")] {
        let answer = house.proxied(&format!("{request} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(
            answer.contains("cannot connect to registry.example"),
            "{answer}"
        );
    }
    house.proxied("CONNECT evil.example:443 HTTP/1.1").await;
    let lines = house.lines(3).await;
    let decided: Vec<_> = lines.iter().map(|line| &line["decision"]).collect();
    assert_eq!(decided, ["failed", "failed", "denied"]);
    assert_eq!(lines[0]["status"], 502);
}

#[tokio::test]
async fn a_tunnel_ends_when_it_is_silent_or_takes_too_much_or_its_door_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(&[0; 1000]).await;
            kept.push(stream);
        }
    });
    let house = house(hosts(&list), &list).await;
    let connect = format!("CONNECT {list} HTTP/1.1\r\n{}\r\n", house.key());
    let (_silent, mut greedy) = (house.sent(&connect).await, house.sent(&connect).await.1);
    while greedy.write_all(&[0; 8192]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let lines = house.lines(2).await;
    let ended: Vec<_> = lines.iter().map(|line| line["ended"].to_string()).collect();
    let told = ended.join(" ");
    assert!(told.contains("nothing passed for 2 s"), "{told}");
    assert!(told.contains("more than 100000 bytes"), "{told}");
    let (_, mut open) = house.sent(&connect).await;
    house.door.close().await;
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn plain_http_ends_as_a_tunnel_does_and_is_never_taken_for_the_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head).await;
                let chunk = [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat();
                while stream.write_all(&chunk).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
    });
    let house = house(hosts(&list), &list).await;
    let request = format!("GET http://{list}/ HTTP/1.1\r\n{}\r\n", house.key());
    let (answer, _) = house.sent(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "the end was made up");
    let line = house.lines(1).await.remove(0);
    assert_eq!(line["ended"], "more than 100000 bytes passed");
    assert_eq!(line["class"], "packages");
}

#[tokio::test]
async fn a_plain_request_that_fails_is_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let house = house(hosts(&list), &list).await;
    let answer = house.proxied(&format!("GET http://{list}/ HTTP/1.1")).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    // The next refusal is written after whatever this one left.
    house.proxied("GET http://evil.example/ HTTP/1.1").await;
    let lines = house.lines(2).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let failed = lines.iter().find(|line| line["decision"] == "allowed");
    let ended = failed.unwrap()["ended"].to_string();
    assert!(ended.contains("it did not answer"), "{ended}");
}

#[tokio::test]
async fn a_fast_answer_is_cut_at_once_when_it_takes_too_much() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[0; 8192]).await.is_ok() {} });
        }
    });
    let house = house(hosts(&list), &list).await;
    let connect = format!("CONNECT {list} HTTP/1.1\r\n{}\r\n", house.key());
    let (answer, _) = house.sent(&connect).await;
    // The limit is 100,000 bytes; what is under way when it is reached still comes.
    let size = answer.len();
    assert!((50_000..1_000_000).contains(&size), "{size}");
}

#[tokio::test]
async fn an_agent_s_connections_are_limited_whatever_they_carry() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx";
            let _ = stream.write_all(head).await;
            kept.push(stream);
        }
    });
    let house = house(hosts(&list), &list).await;
    let request = format!("GET http://{list}/ HTTP/1.1\r\n{}\r\n", house.key());
    let mut open = Vec::new();
    for _ in 0..128 {
        let mut stream = UnixStream::connect(house.door.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The answer has begun: its place is taken.
        assert_ne!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        open.push(stream);
    }
    let (answer, _) = house.sent(&request).await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
}

#[tokio::test]
async fn a_tunnel_that_never_greets_does_not_keep_its_door_open() {
    let listener = TcpListener::bind("127.0.0.1:443").await;
    // Whoever may not have the port cannot try this.
    let Ok(_listener) = listener else { return };
    let house = house(hosts("registry.example"), "registry.example").await;
    let connect = format!(
        "CONNECT registry.example:443 HTTP/1.1\r\n{}\r\n",
        house.key()
    );
    let (answer, _silent) = house.sent(&connect).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let closed = tokio::time::timeout(Duration::from_secs(5), house.door.close()).await;
    assert!(closed.is_ok());
}

#[derive(Debug)]
struct OnePreview(SocketAddr);

impl Previews for OnePreview {
    fn find<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Option<SocketAddr>> {
        let own = target.to_string() == "demo-1.shop.localhost:80";
        Box::pin(async move { own.then_some(self.0) })
    }
}

#[tokio::test]
async fn a_test_role_reaches_its_own_previews_by_name_and_nothing_else() {
    let port = mirror().await;
    let preview = OnePreview(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let house = house(Reach::Previews(Arc::new(preview)), "").await;
    let get = async |host: &str| {
        house
            .proxied(&format!("GET http://{host}/x HTTP/1.1"))
            .await
    };
    let seen = get("demo-1.shop.localhost").await;
    assert!(
        seen.starts_with("HTTP/1.1 200") && seen.contains("GET /x"),
        "{seen}"
    );
    let tunnel = house.proxied("CONNECT demo-1.shop.localhost:80 HTTP/1.1");
    assert!(tunnel.await.starts_with("HTTP/1.1 200"));
    for other in ["demo-1.other.localhost", "127.0.0.1", "crates.io"] {
        let denied = get(other).await;
        assert!(denied.starts_with("HTTP/1.1 403"), "{other}: {denied}");
    }
}

#[tokio::test]
async fn a_role_that_reaches_nothing_reaches_nothing() {
    let house = Plan::script(SCRIPT).open().await;
    let answer = house.proxied("CONNECT crates.io:443 HTTP/1.1").await;
    assert!(answer.contains("reaches nothing but the model"), "{answer}");
    // The machine's own names are nobody's, whoever asks.
    let local = SystemResolver.resolve("localhost").await;
    assert!(local.is_err() || local.unwrap().iter().all(IpAddr::is_loopback));
}

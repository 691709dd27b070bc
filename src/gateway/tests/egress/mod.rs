//! The proxy at a door.

pub(crate) mod egress_fixture;
pub(crate) mod fetch;
pub(crate) mod rebinding;
pub(crate) mod search_domains;
pub(crate) mod web_socket;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UnixStream};

use crate::EgressPolicy;
use crate::egress::decision::resolver::{HostResolver, SystemResolver};
use crate::tests::egress::egress_fixture::{
    SCRIPT, host_policy, open_fixture, read_available, start_echo_server,
};
use crate::tests::fixture::GatewayFixtureSpec;
use eklavya_core::egress::EgressTarget;
use eklavya_sandbox::proxy::PreviewLookup;

#[tokio::test]
async fn a_tunnel_to_a_listed_host_works_and_is_audited_once() {
    let port = start_echo_server().await;
    let list = format!("registry.example:{port}");
    let fixture = open_fixture(host_policy(&list), &list).await;
    let connect = format!(
        "CONNECT {list} HTTP/1.1\r\nHost: {list}\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (response, mut stream) = fixture.send_raw(&connect).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    stream.write_all(b"hello there").await.unwrap();
    let back = read_available(&mut stream).await;
    assert!(back.ends_with("hello there"), "{back}");
    drop(stream);
    let line = fixture.egress_audit_details(1).await.remove(0);
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
async fn unlisted_and_private_targets_are_denied_and_audited() {
    let fixture = open_fixture(host_policy("registry.example"), "").await;
    for (target, status, why) in [
        (
            "evil.example:443",
            403,
            "not in the host list of egress.packages",
        ),
        ("registry.example:80", 403, "not in the host list"),
        ("registry.example:443", 403, "127.0.0.1 is loopback"),
        ("127.0.0.1:443", 403, "not in the host list"),
        ("0x7f.1:443", 400, "not a host name"),
        (
            "registry.example@evil.example:443",
            400,
            "must not contain a user",
        ),
        ("registry.example", 400, "has no port"),
    ] {
        let response = fixture
            .send_proxied(&format!("CONNECT {target} HTTP/1.1"))
            .await;
        let begins = format!("HTTP/1.1 {status}");
        assert!(response.starts_with(&begins), "{target}: {response}");
        // hyper rejects some of them before our code sees them.
        assert!(
            response.contains(why) || response.ends_with("\r\n\r\n"),
            "{target}: {response}"
        );
    }
    let lines = fixture.egress_audit_details(5).await;
    assert!(
        lines.iter().all(|line| line["decision"] == "denied"),
        "{lines:#?}"
    );
    assert_eq!(lines[0]["target"], "evil.example:443");
    assert_eq!(lines[0]["status"], 403);
}

#[tokio::test]
async fn the_proxy_requires_the_key_of_its_door() {
    let port = start_echo_server().await;
    let list = format!("registry.example:{port}");
    let fixture = open_fixture(host_policy(&list), &list).await;
    let bare = format!("CONNECT {list} HTTP/1.1\r\n\r\n");
    let (response, _) = fixture.send_raw(&bare).await;
    assert!(response.starts_with("HTTP/1.1 407"), "{response}");
    assert!(response.contains("proxy-authenticate: Basic"), "{response}");
    let wrong = STANDARD.encode("agent:eklavya-door-of-another-agent");
    let other = format!("CONNECT {list} HTTP/1.1\r\nProxy-Authorization: Basic {wrong}\r\n\r\n");
    let (response, _) = fixture.send_raw(&other).await;
    assert!(response.starts_with("HTTP/1.1 403"), "{response}");
    // A request without a key only gets the authentication scheme, and is not recorded.
    assert_eq!(fixture.egress_audit_details(1).await.len(), 1);
}

#[tokio::test]
async fn plain_http_is_forwarded_only_to_the_target_of_its_uri() {
    let port = start_echo_server().await;
    let list = format!("registry.example:{port}");
    let fixture = open_fixture(host_policy(&list), &list).await;
    let request = format!(
        "POST http://{list}/a?b=c HTTP/1.1\r\nHost: evil.example\r\nX-Kept: 1\r\nX-Hop: 2\r\n\
         Connection: x-hop\r\nProxy-Connection: keep-alive\r\nContent-Length: 4\r\n{}\r\nbody",
        fixture.proxy_authorization()
    );
    let (response, _) = fixture.send_raw(&request).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let (_, seen) = response.split_once("\r\n\r\n").unwrap();
    assert!(seen.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: {list}\r\n")) && seen.contains("x-kept: 1"),
        "{seen}"
    );
    for gone in ["evil.example", "x-hop", "authorization", "proxy-connection"] {
        assert!(!seen.to_lowercase().contains(gone), "{gone}: {seen}");
    }
    let line = fixture.egress_audit_details(1).await.remove(0);
    assert_eq!((&line["method"], &line["up"]), (&"POST".into(), &4.into()));
    for (url, why) in [
        (format!("https://{list}/"), "use CONNECT"),
        (format!("http://user@{list}/"), "must not contain a user"),
        ("http://evil.example/".to_owned(), "not in the host list"),
        (
            "http://registry.example:0/".to_owned(),
            "not a port from 1 to 65535",
        ),
        (
            "http://registry.example:99999/".to_owned(),
            "not a port from 1 to 65535",
        ),
    ] {
        let response = fixture.send_proxied(&format!("GET {url} HTTP/1.1")).await;
        assert!(response.contains(why), "{url}: {response}");
    }
}

#[tokio::test]
async fn an_unreachable_target_is_audited_as_failed_not_as_denied() {
    // Bound but not listening: connections are refused, and no other test gets the port.
    let gone = TcpSocket::new_v4().unwrap();
    gone.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let list = format!("registry.example:{}", gone.local_addr().unwrap().port());
    let fixture = open_fixture(host_policy(&list), &list).await;
    for request in [format!("CONNECT {list}"), format!("GET http://{list}/")] {
        let response = fixture.send_proxied(&format!("{request} HTTP/1.1")).await;
        assert!(response.starts_with("HTTP/1.1 502"), "{response}");
        assert!(
            response.contains("cannot connect to registry.example"),
            "{response}"
        );
    }
    fixture
        .send_proxied("CONNECT evil.example:443 HTTP/1.1")
        .await;
    let lines = fixture.egress_audit_details(3).await;
    let decided: Vec<_> = lines.iter().map(|line| &line["decision"]).collect();
    assert_eq!(decided, ["failed", "failed", "denied"]);
    assert_eq!(lines[0]["status"], 502);
}

#[tokio::test]
async fn a_tunnel_ends_if_it_is_idle_or_over_its_limit_or_its_door_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(&[0; 1000]).await;
            kept.push(stream);
        }
    });
    let fixture = open_fixture(host_policy(&list), &list).await;
    let connect = format!(
        "CONNECT {list} HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (_silent, mut greedy) = (
        fixture.send_raw(&connect).await,
        fixture.send_raw(&connect).await.1,
    );
    while greedy.write_all(&[0; 8192]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let lines = fixture.egress_audit_details(2).await;
    let ended: Vec<_> = lines.iter().map(|line| line["ended"].to_string()).collect();
    let text = ended.join(" ");
    assert!(text.contains("the connection was idle for 2 s"), "{text}");
    assert!(text.contains("more than 100000 bytes"), "{text}");
    let (_, mut open) = fixture.send_raw(&connect).await;
    fixture.door.close().await;
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_plain_response_over_the_limit_is_cut_without_a_valid_end() {
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
    let fixture = open_fixture(host_policy(&list), &list).await;
    let request = format!(
        "GET http://{list}/ HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (response, _) = fixture.send_raw(&request).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        !response.ends_with("0\r\n\r\n"),
        "the cut response ends like a whole one"
    );
    let line = fixture.egress_audit_details(1).await.remove(0);
    assert_eq!(
        line["ended"],
        "the connection carried more than 100000 bytes"
    );
    assert_eq!(line["class"], "packages");
}

#[tokio::test]
async fn a_failed_plain_request_is_audited_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let fixture = open_fixture(host_policy(&list), &list).await;
    let response = fixture
        .send_proxied(&format!("GET http://{list}/ HTTP/1.1"))
        .await;
    assert!(response.starts_with("HTTP/1.1 502"), "{response}");
    // The next refusal is recorded after this one's tunnel has ended.
    fixture
        .send_proxied("GET http://evil.example/ HTTP/1.1")
        .await;
    let lines = fixture.egress_audit_details(2).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let failed = lines.iter().find(|line| line["decision"] == "allowed");
    let ended = failed.unwrap()["ended"].to_string();
    assert!(ended.contains("the target did not respond"), "{ended}");
}

#[tokio::test]
async fn a_fast_answer_is_cut_as_soon_as_it_exceeds_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("registry.example:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[0; 8192]).await.is_ok() {} });
        }
    });
    let fixture = open_fixture(host_policy(&list), &list).await;
    let connect = format!(
        "CONNECT {list} HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (response, _) = fixture.send_raw(&connect).await;
    // The limit is 100,000 bytes; bytes in transit when it is reached still arrive.
    let size = response.len();
    assert!((50_000..1_000_000).contains(&size), "{size}");
}

#[tokio::test]
async fn the_number_of_connections_of_an_agent_is_limited() {
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
    let fixture = open_fixture(host_policy(&list), &list).await;
    let request = format!(
        "GET http://{list}/ HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let mut open = Vec::new();
    for _ in 0..128 {
        let mut stream = UnixStream::connect(fixture.door.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The response has begun, so its permit is taken.
        assert_ne!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        open.push(stream);
    }
    let (response, _) = fixture.send_raw(&request).await;
    assert!(response.starts_with("HTTP/1.1 429"), "{response}");
}

#[tokio::test]
async fn a_tunnel_without_a_tls_greeting_does_not_keep_its_door_open() {
    let listener = TcpListener::bind("127.0.0.1:443").await;
    // Skipped if the port cannot be bound.
    let Ok(_listener) = listener else { return };
    let fixture = open_fixture(host_policy("registry.example"), "registry.example").await;
    let connect = format!(
        "CONNECT registry.example:443 HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (response, _silent) = fixture.send_raw(&connect).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let closed = tokio::time::timeout(Duration::from_secs(15), fixture.door.close()).await;
    assert!(closed.is_ok());
}

#[derive(Debug)]
struct SinglePreview(SocketAddr);

impl PreviewLookup for SinglePreview {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        let own = target.to_string() == "demo-1.shop.localhost:80";
        Box::pin(async move { own.then_some(self.0) })
    }
}

#[tokio::test]
async fn a_role_with_previews_reaches_only_its_own_previews_by_name() {
    let port = start_echo_server().await;
    let preview = SinglePreview(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let fixture = open_fixture(EgressPolicy::Previews(Arc::new(preview)), "").await;
    let get = async |host: &str| {
        fixture
            .send_proxied(&format!("GET http://{host}/x HTTP/1.1"))
            .await
    };
    let seen = get("demo-1.shop.localhost").await;
    assert!(
        seen.starts_with("HTTP/1.1 200") && seen.contains("GET /x"),
        "{seen}"
    );
    let tunnel = fixture.send_proxied("CONNECT demo-1.shop.localhost:80 HTTP/1.1");
    assert!(tunnel.await.starts_with("HTTP/1.1 200"));
    for other in ["demo-1.other.localhost", "127.0.0.1", "crates.io"] {
        let denied = get(other).await;
        assert!(denied.starts_with("HTTP/1.1 403"), "{other}: {denied}");
    }
}

#[tokio::test]
async fn a_role_without_egress_reaches_only_the_model() {
    let fixture = GatewayFixtureSpec::script(SCRIPT).open().await;
    let response = fixture.send_proxied("CONNECT crates.io:443 HTTP/1.1").await;
    assert!(response.contains("may reach only the model"), "{response}");
    // The machine's own names are not public.
    let local = SystemResolver.resolve("localhost").await;
    assert!(local.is_err() || local.unwrap().iter().all(IpAddr::is_loopback));
}

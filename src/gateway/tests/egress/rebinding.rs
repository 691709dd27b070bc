//! DNS rebinding: a name that resolves differently a moment later.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::egress::decision::resolver::HostResolver;
use crate::tests::egress::egress_fixture::{
    host_policy, open_fixture_with_resolver, read_available,
};

/// A resolver that returns its answers in turn, and starts again after the last.
#[derive(Debug)]
struct RotatingResolver {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl RotatingResolver {
    fn of(answers: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.iter().map(|one| one.parse().unwrap()).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl HostResolver for RotatingResolver {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let response = self.answers[number % self.answers.len()];
        Box::pin(async move { Ok(vec![response]) })
    }
}

/// A server that returns its name to each connection, by HTTP or raw.
async fn start_named_server(address: &str, port: u16, name: &'static str) -> u16 {
    let listener = TcpListener::bind((address, port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", name.len());
                let _ = stream
                    .write_all(&[head.as_bytes(), name.as_bytes()].concat())
                    .await;
            });
        }
    });
    port
}

#[tokio::test]
async fn the_proxy_connects_to_the_address_that_it_checked() {
    let port = start_named_server("127.0.0.2", 0, "checked").await;
    start_named_server("127.0.0.3", port, "rebound").await;
    let list = format!("registry.example:{port}");
    for request in ["CONNECT", "GET"] {
        let resolver = RotatingResolver::of(&["127.0.0.2", "127.0.0.3"]);
        let fixture = open_fixture_with_resolver(resolver.clone(), host_policy(&list), &list).await;
        let reached = if request == "GET" {
            fixture
                .send_proxied(&format!("GET http://{list}/ HTTP/1.1"))
                .await
        } else {
            let connect = format!(
                "CONNECT {list} HTTP/1.1\r\n{}\r\n",
                fixture.proxy_authorization()
            );
            let (_, mut stream) = fixture.send_raw(&connect).await;
            stream.write_all(b"who is there").await.unwrap();
            read_available(&mut stream).await
        };
        assert!(reached.ends_with("checked"), "{request}: {reached}");
        assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "{request}");
    }
}

#[tokio::test]
async fn every_request_resolves_and_checks_the_name_again() {
    let port = start_named_server("127.0.0.2", 0, "checked").await;
    let list = format!("registry.example:{port}");
    let resolver = RotatingResolver::of(&["127.0.0.2", "169.254.169.254"]);
    let fixture = open_fixture_with_resolver(resolver, host_policy(&list), &list).await;
    let get = format!("GET http://{list}/ HTTP/1.1");
    assert!(fixture.send_proxied(&get).await.ends_with("checked"));
    let response = fixture.send_proxied(&get).await;
    assert!(
        response.starts_with("HTTP/1.1 403") && response.contains("link-local"),
        "{response}"
    );
    let lines = fixture.egress_audit_details(2).await;
    let denied = lines.iter().filter(|line| line["decision"] == "denied");
    assert_eq!(denied.count(), 1, "{lines:#?}");
}

//! A name that means something else a moment later.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::egress::{heard, hosts, house_that_asks};
use crate::egress::Resolve;

/// Gives one answer after the other, and begins anew after the last.
#[derive(Debug)]
struct Changing {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Changing {
    fn of(answers: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.iter().map(|one| one.parse().unwrap()).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Changing {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[number % self.answers.len()];
        Box::pin(async move { Ok(vec![answer]) })
    }
}

/// A server that says its name to whoever connects, or asks by HTTP.
async fn server(address: &str, port: u16, name: &'static str) -> u16 {
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
async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let port = server("127.0.0.2", 0, "checked").await;
    server("127.0.0.3", port, "rebound").await;
    let list = format!("registry.example:{port}");
    for request in ["CONNECT", "GET"] {
        let resolver = Changing::of(&["127.0.0.2", "127.0.0.3"]);
        let house = house_that_asks(resolver.clone(), hosts(&list), &list).await;
        let reached = if request == "GET" {
            house.proxied(&format!("GET http://{list}/ HTTP/1.1")).await
        } else {
            let connect = format!("CONNECT {list} HTTP/1.1\r\n{}\r\n", house.key());
            let (_, mut stream) = house.sent(&connect).await;
            stream.write_all(b"who is there").await.unwrap();
            heard(&mut stream).await
        };
        assert!(reached.ends_with("checked"), "{request}: {reached}");
        assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "{request}");
    }
}

#[tokio::test]
async fn a_name_is_checked_anew_for_each_request() {
    let port = server("127.0.0.2", 0, "checked").await;
    let list = format!("registry.example:{port}");
    let resolver = Changing::of(&["127.0.0.2", "169.254.169.254"]);
    let house = house_that_asks(resolver, hosts(&list), &list).await;
    let get = format!("GET http://{list}/ HTTP/1.1");
    assert!(house.proxied(&get).await.ends_with("checked"));
    let answer = house.proxied(&get).await;
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("link-local"),
        "{answer}"
    );
    let lines = house.lines(2).await;
    let denied = lines.iter().filter(|line| line["decision"] == "denied");
    assert_eq!(denied.count(), 1, "{lines:#?}");
}

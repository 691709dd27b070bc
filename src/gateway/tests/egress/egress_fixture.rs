//! A door whose proxy resolves every name to this machine, and requests through it.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use crate::egress::decision::resolver::HostResolver;
use crate::tests::fixture::{GatewayFixture, GatewayFixtureSpec};
use crate::{EgressConfig, EgressLimits, EgressPolicy};
use eklavya_core::egress::HostList;
use eklavya_services::audit;
use eklavya_store::audit::AuditFilter;

pub const SCRIPT: &str =
    "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: hi\n";

/// The longest wait for an answer or row: far more than it takes on a busy machine.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The silence after a whole answer that ends the reading.
const SILENCE: Duration = Duration::from_millis(300);

/// Resolves every name to this machine, or to the given address.
#[derive(Debug)]
struct SingleAddressResolver(IpAddr);

impl HostResolver for SingleAddressResolver {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(vec![self.0]) })
    }
}

/// A server that echoes each request as an HTTP response.
pub async fn start_echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n");
                let response = [head.as_bytes(), &request[..count]].concat();
                let _ = stream.write_all(&response).await;
            });
        }
    });
    port
}

pub fn host_policy(list: &str) -> EgressPolicy {
    EgressPolicy::Hosts {
        key: "egress.packages",
        list: Arc::new(HostList::parse(list).unwrap()),
    }
}

pub async fn open_fixture(reach: EgressPolicy, private: &str) -> GatewayFixture {
    let everything = SingleAddressResolver(Ipv4Addr::LOCALHOST.into());
    open_fixture_with_resolver(Arc::new(everything), reach, private).await
}

/// Opens a door whose proxy resolves names with `resolver`.
pub async fn open_fixture_with_resolver(
    resolver: Arc<dyn HostResolver>,
    reach: EgressPolicy,
    private: &str,
) -> GatewayFixture {
    let mut plan = GatewayFixtureSpec::script(SCRIPT);
    plan.egress_policy = reach;
    plan.egress = EgressConfig {
        private_hosts: HostList::parse(private).unwrap(),
        resolver,
        limits: EgressLimits {
            idle: Duration::from_secs(2),
            bytes: Some(100_000),
            ..EgressLimits::default()
        },
    };
    plan.open().await
}

impl GatewayFixture {
    pub fn proxy_authorization(&self) -> String {
        let key = format!("agent:{}", self.door.token().expose_secret());
        format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(key))
    }

    /// Sends a request's head with the door's key and returns the beginning of the response.
    pub async fn send_proxied(&self, head: &str) -> String {
        self.send_raw(&format!("{head}\r\n{}\r\n", self.proxy_authorization()))
            .await
            .0
    }

    /// Sends bytes and returns the beginning of the response, and the connection.
    pub async fn send_raw(&self, text: &str) -> (String, UnixStream) {
        let mut stream = UnixStream::connect(self.door.socket()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        (read_available(&mut stream).await, stream)
    }

    /// Returns the audit details of the proxy, once there are `count` rows.
    pub async fn egress_audit_details(&self, count: usize) -> Vec<Value> {
        let filter = AuditFilter {
            chain: Some(self.ledger.project.id.0),
            action: Some("egress.request".to_owned()),
            ..AuditFilter::default()
        };
        let begun = Instant::now();
        loop {
            let lines = audit::list(self.ledger.costs.data(), &filter)
                .await
                .unwrap();
            if lines.len() >= count {
                return lines.into_iter().map(|line| line.content.details).collect();
            }
            assert!(
                begun.elapsed() < LONGEST_WAIT,
                "fewer than {count} rows were recorded"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Returns an answer and the bytes that follow it until the other end is silent.
pub async fn read_available(stream: &mut UnixStream) -> String {
    let mut received = Vec::new();
    let mut chunk = vec![0; 8192];
    loop {
        let patience = if is_whole(&received) {
            SILENCE
        } else {
            LONGEST_WAIT
        };
        match tokio::time::timeout(patience, stream.read(&mut chunk)).await {
            Ok(Ok(count @ 1..)) => received.extend_from_slice(&chunk[..count]),
            _ => return String::from_utf8_lossy(&received).into_owned(),
        }
    }
}

/// Returns whether the head of an answer and the body that it announces have arrived.
fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.trim().parse().unwrap())
}

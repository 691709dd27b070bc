//! A `WebSocket` through a tunnel: its handshake, and frames both ways (RFC 6455).

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::tests::egress::egress_fixture::{host_policy, open_fixture};

/// The key in the example of the standard, and the server's response to it (section 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// "Hello" as a client sends it, and as a server does (section 5.7).
const MASKED: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
const PLAIN: &[u8] = b"\x81\x05Hello";
/// A server's ping, and the masked pong.
const PING: &[u8] = b"\x89\x02up";
const PONG: &[u8] = b"\x8a\x82\x01\x02\x03\x04\x74\x72";
/// A server's close frame: status 1000.
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// Reads up to the end of an HTTP head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn expect(stream: &mut (impl AsyncRead + Unpin), frame: &[u8]) {
    let mut read = vec![0; frame.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(read, frame);
}

/// Completes the handshake, echoes one message, and pings.
async fn serve(mut stream: TcpStream) {
    let request_head = head(&mut stream).await.to_lowercase();
    assert!(
        request_head.starts_with("get /chat http/1.1\r\n"),
        "{request_head}"
    );
    assert!(
        request_head.contains("\r\nupgrade: websocket\r\n"),
        "{request_head}"
    );
    assert!(request_head.contains(&KEY.to_lowercase()), "{request_head}");
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    stream.write_all(response.as_bytes()).await.unwrap();
    expect(&mut stream, MASKED).await;
    stream.write_all(PLAIN).await.unwrap();
    stream.write_all(PING).await.unwrap();
    expect(&mut stream, PONG).await;
    stream.write_all(CLOSE).await.unwrap();
}

#[tokio::test]
async fn a_web_socket_passes_through_a_tunnel_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list = format!("chat.example:{}", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    let fixture = open_fixture(host_policy(&list), &list).await;
    let connect = format!(
        "CONNECT {list} HTTP/1.1\r\n{}\r\n",
        fixture.proxy_authorization()
    );
    let (response, mut stream) = fixture.send_raw(&connect).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let asks = format!(
        "GET /chat HTTP/1.1\r\nHost: {list}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(asks.as_bytes()).await.unwrap();
    let response = head(&mut stream).await;
    assert!(
        response.starts_with("HTTP/1.1 101") && response.contains(ACCEPT),
        "{response}"
    );
    stream.write_all(MASKED).await.unwrap();
    expect(&mut stream, PLAIN).await;
    expect(&mut stream, PING).await;
    stream.write_all(PONG).await.unwrap();
    expect(&mut stream, CLOSE).await;
    serving.await.unwrap();
    drop(stream);
    let line = fixture.egress_audit_details(1).await.remove(0);
    let (sent, received) = (
        asks.len() + MASKED.len() + PONG.len(),
        PLAIN.len() + PING.len() + CLOSE.len(),
    );
    assert_eq!(line["up"], sent);
    assert_eq!(line["down"], response.len() + received);
    assert_eq!(line["ended"], serde_json::Value::Null);
}

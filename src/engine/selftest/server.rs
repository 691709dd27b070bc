//! The server that answers for all hosts of the selftest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use eklavya_sandbox::selftest::ANSWER;

pub(crate) const LINK_TEXT: &str = "elsewhere";
/// The longest request head that the server reads, in bytes.
const MAX_HEAD_BYTES: usize = 8192;

/// A server on 127.0.0.1 with one answer to all requests. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct SelftestServer {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl SelftestServer {
    /// Starts a server on a free port.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_answer(stream, address));
            }
        });
        Ok(Self { address, serving })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SelftestServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request with a page whose link contains the server's IP address instead of a name. Sends
/// nothing if the client disconnects early.
async fn serve_answer(mut stream: TcpStream, own: SocketAddr) {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        match stream.read(&mut chunk).await {
            Ok(count @ 1..) => head.extend_from_slice(&chunk[..count]),
            Ok(0) | Err(_) => return,
        }
    }
    let page = format!("<!doctype html><p>{ANSWER}</p><a href=\"http://{own}/\">{LINK_TEXT}</a>");
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
}

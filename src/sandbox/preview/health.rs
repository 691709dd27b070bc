//! Checking whether the server of a preview responds with success.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one health check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the status if it is 2xx or 3xx, and otherwise what came instead.
pub(super) async fn check_health(address: SocketAddr, path: &str) -> Result<u16, String> {
    match tokio::time::timeout(CHECK_TIMEOUT, get_status(address, path)).await {
        Ok(Ok(status @ 200..=399)) => Ok(status),
        Ok(Ok(status)) => Err(format!("status {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no response".to_owned()),
    }
}

/// Returns the status of the response to `GET path`.
async fn get_status(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let path = path.trim_start_matches('/');
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    // "HTTP/1.1 200"
    while response.len() < 12 {
        if stream.read_buf(&mut response).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8_lossy(&response[..12])
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP"))
}

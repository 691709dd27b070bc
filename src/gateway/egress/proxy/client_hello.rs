//! Checks that a TLS client asks for the host that its tunnel was opened to: one address serves
//! many names, and only those of the list are allowed. The rest of the connection is encrypted, so
//! a server that serves another name anyway is not noticed.

use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Larger than any real `ClientHello`.
const MAX_HELLO_BYTES: usize = 64 * 1024;
/// Time limit for the `ClientHello`.
const HELLO_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a tunnel does not begin with an acceptable `ClientHello`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientHelloError {
    #[error("a tunnel to port 443 must carry TLS")]
    NotTls,
    #[error("the TLS client names no host (SNI)")]
    NoServerName,
    #[error("the TLS client asks for {0:?}")]
    WrongServerName(String),
}

/// Reads the `ClientHello` and returns its bytes if it asks for `name`.
pub(crate) async fn expect_server_name(
    client: &mut (impl AsyncRead + Unpin),
    name: &str,
) -> Result<Vec<u8>, ClientHelloError> {
    let read = tokio::time::timeout(HELLO_TIMEOUT, read_client_hello(client)).await;
    let (bytes, server_name) = read.unwrap_or(Err(ClientHelloError::NotTls))?;
    match server_name {
        None => Err(ClientHelloError::NoServerName),
        Some(server_name) if server_name.eq_ignore_ascii_case(name) => Ok(bytes),
        Some(server_name) => Err(ClientHelloError::WrongServerName(server_name)),
    }
}

async fn read_client_hello(
    client: &mut (impl AsyncRead + Unpin),
) -> Result<(Vec<u8>, Option<String>), ClientHelloError> {
    let (mut acceptor, mut bytes) = (Acceptor::default(), Vec::new());
    let mut chunk = vec![0; 4096];
    while bytes.len() < MAX_HELLO_BYTES {
        let count = client.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        let mut rest = &chunk[..count];
        bytes.extend_from_slice(rest);
        while !rest.is_empty() {
            acceptor
                .read_tls(&mut rest)
                .map_err(|_| ClientHelloError::NotTls)?;
            if let Some(accepted) = acceptor.accept().map_err(|_| ClientHelloError::NotTls)? {
                let server_name = accepted.client_hello().server_name().map(str::to_owned);
                return Ok((bytes, server_name));
            }
        }
    }
    Err(ClientHelloError::NotTls)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    fn client_hello_bytes(name: &'static str, sni: bool) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.enable_sni = sni;
        let name = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn the_server_name_must_be_the_host_of_the_tunnel() {
        let bytes = client_hello_bytes("crates.io", true);
        assert_eq!(
            expect_server_name(&mut &bytes[..], "crates.io")
                .await
                .unwrap(),
            bytes
        );
        let other = expect_server_name(&mut &bytes[..], "evil.example")
            .await
            .unwrap_err();
        assert_eq!(other, ClientHelloError::WrongServerName("crates.io".into()));
        let nameless = client_hello_bytes("crates.io", false);
        let none = expect_server_name(&mut &nameless[..], "crates.io")
            .await
            .unwrap_err();
        assert_eq!(none, ClientHelloError::NoServerName);
    }

    #[tokio::test]
    async fn bytes_that_are_not_tls_are_refused() {
        let long = vec![0x16; MAX_HELLO_BYTES * 2];
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"\x16\x03\x01", &long] {
            let refused = expect_server_name(&mut &bytes[..], "crates.io").await;
            assert_eq!(refused, Err(ClientHelloError::NotTls));
        }
    }
}

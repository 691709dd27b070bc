//! The name that a TLS client asks for, which must be the one that its tunnel was opened to: one
//! address serves many names, and those of a list only may be asked for. What a client says after its
//! first message is encrypted, so a server that serves another name all the same is not noticed.

use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt};

/// More than any client needs for its first message.
const MAX_BYTES: usize = 64 * 1024;
/// How long a client may take for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is wrong with the beginning of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Greeting {
    /// It is not TLS.
    #[error("what comes through a tunnel to port 443 must be TLS")]
    NotTls,
    /// It names nobody.
    #[error("the TLS client names no host (SNI)")]
    Nameless,
    /// It names another host.
    #[error("the TLS client asks for {0:?}")]
    Another(String),
}

/// Reads the first message of a TLS client and returns its bytes, where it asks for `name`.
pub(super) async fn read(
    client: &mut (impl AsyncRead + Unpin),
    name: &str,
) -> Result<Vec<u8>, Greeting> {
    let read = tokio::time::timeout(PATIENCE, read_hello(client)).await;
    let (bytes, asked) = read.unwrap_or(Err(Greeting::NotTls))?;
    match asked {
        None => Err(Greeting::Nameless),
        Some(asked) if asked.eq_ignore_ascii_case(name) => Ok(bytes),
        Some(asked) => Err(Greeting::Another(asked)),
    }
}

async fn read_hello(
    client: &mut (impl AsyncRead + Unpin),
) -> Result<(Vec<u8>, Option<String>), Greeting> {
    let (mut acceptor, mut bytes) = (Acceptor::default(), Vec::new());
    let mut chunk = vec![0; 4096];
    while bytes.len() < MAX_BYTES {
        let count = client.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        let mut rest = &chunk[..count];
        bytes.extend_from_slice(rest);
        while !rest.is_empty() {
            acceptor.read_tls(&mut rest).map_err(|_| Greeting::NotTls)?;
            if let Some(accepted) = acceptor.accept().map_err(|_| Greeting::NotTls)? {
                let asked = accepted.client_hello().server_name().map(str::to_owned);
                return Ok((bytes, asked));
            }
        }
    }
    Err(Greeting::NotTls)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    fn hello(name: &'static str, sni: bool) -> Vec<u8> {
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
    async fn the_name_must_be_that_of_the_tunnel() {
        let bytes = hello("crates.io", true);
        assert_eq!(read(&mut &bytes[..], "crates.io").await.unwrap(), bytes);
        let other = read(&mut &bytes[..], "evil.example").await.unwrap_err();
        assert_eq!(other, Greeting::Another("crates.io".into()));
        let nameless = hello("crates.io", false);
        let none = read(&mut &nameless[..], "crates.io").await.unwrap_err();
        assert_eq!(none, Greeting::Nameless);
    }

    #[tokio::test]
    async fn what_is_not_tls_is_refused() {
        let long = vec![0x16; MAX_BYTES * 2];
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"\x16\x03\x01", &long] {
            let refused = read(&mut &bytes[..], "crates.io").await;
            assert_eq!(refused, Err(Greeting::NotTls));
        }
    }
}

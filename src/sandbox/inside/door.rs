//! The door: the directory of sockets that connects a sandbox with the outside. The network of the
//! sandbox has no other way out.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::forward;

/// The variable that gives a browser the port of its proxy on 127.0.0.1.
pub(crate) const PROXY_PORT: &str = "EKLAVYA_PROXY_PORT";
/// The name of the proxy's socket in the door of a browser.
pub(crate) const PROXY_SOCKET: &str = "proxy.sock";
/// The socket in the door at which a preview answers; the sandbox creates it.
pub const WEB_SOCKET: &str = "web.sock";
/// The variable with which the caller passes the login of the gateway's proxy in the form
/// `user:password`. Without it there is no proxy. Programs inside do not see it.
pub const PROXY_LOGIN: &str = "EKLAVYA_PROXY_LOGIN";

/// The name of the gateway's socket in the door of an agent.
const GATEWAY_SOCKET: &str = "gateway.sock";
/// The variable that gives the CLI the address of the gateway.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// What `sandbox-init` forwards, with the directory of the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DoorForwarding {
    Closed,
    /// A port inside to the gateway's socket.
    Gateway(PathBuf),
    /// A port inside to the socket of a browser's proxy.
    Proxy(PathBuf),
    /// The preview's socket to this port inside.
    Web(PathBuf, u16),
}

impl DoorForwarding {
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        match self {
            DoorForwarding::Closed => vec!["closed".into()],
            DoorForwarding::Gateway(path) => vec!["gateway".into(), path.into()],
            DoorForwarding::Proxy(path) => vec!["proxy".into(), path.into()],
            DoorForwarding::Web(path, port) => {
                vec!["web".into(), path.into(), port.to_string().into()]
            }
        }
    }

    /// Parses the words at the beginning of `words`; returns the words that follow them as well.
    pub(crate) fn parse(words: &[OsString]) -> Option<(Self, &[OsString])> {
        let (kind, rest) = words.split_first()?;
        match (kind.to_str()?, rest) {
            ("closed", rest) => Some((DoorForwarding::Closed, rest)),
            ("gateway", [path, rest @ ..]) => Some((DoorForwarding::Gateway(path.into()), rest)),
            ("proxy", [path, rest @ ..]) => Some((DoorForwarding::Proxy(path.into()), rest)),
            ("web", [path, port, rest @ ..]) => {
                let port = port.to_str()?.parse().ok()?;
                Some((DoorForwarding::Web(path.into(), port), rest))
            }
            _ => None,
        }
    }

    /// Starts to forward in the background. Returns the port of 127.0.0.1 that leads out, if any.
    pub(crate) async fn open(&self) -> io::Result<Option<u16>> {
        match self {
            DoorForwarding::Closed => Ok(None),
            DoorForwarding::Proxy(directory) => {
                let socket = directory.join(PROXY_SOCKET);
                forward::forward_port_to_socket(socket).await.map(Some)
            }
            DoorForwarding::Gateway(directory) => {
                let socket = directory.join(GATEWAY_SOCKET);
                forward::forward_port_to_socket(socket).await.map(Some)
            }
            DoorForwarding::Web(directory, port) => {
                forward::forward_socket_to_port(&directory.join(WEB_SOCKET), *port)?;
                Ok(None)
            }
        }
    }

    /// Returns the variable that gives the program the port of the door.
    pub(crate) fn variable(&self, port: u16) -> Option<(&'static str, String)> {
        match self {
            DoorForwarding::Gateway(_) => Some((BASE_URL, format!("http://127.0.0.1:{port}"))),
            DoorForwarding::Proxy(_) => Some((PROXY_PORT, port.to_string())),
            DoorForwarding::Closed | DoorForwarding::Web(..) => None,
        }
    }
}

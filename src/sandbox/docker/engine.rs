//! The Docker engine behind its socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use bollard::{API_DEFAULT_VERSION, ClientVersion};
use serde::{Deserialize, Serialize};

use crate::docker_error::DockerError;

/// How long the engine may take to answer, in seconds. During a build it answers continuously.
const TIMEOUT_SECONDS: u64 = 120;

/// The socket of an engine, and the version of its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerEngine {
    socket: PathBuf,
    /// The major and minor version of the API. It is requested once, because each request takes time.
    api: (usize, usize),
}

impl DockerEngine {
    /// Connects to the engine at `socket`.
    ///
    /// # Errors
    /// The engine does not answer, or the caller has no access to the socket.
    pub async fn detect(socket: &Path) -> Result<Self, DockerError> {
        check_reachable(socket)?;
        let away = |error| unreachable_error(socket, &error);
        let client = new_client(socket, API_DEFAULT_VERSION).map_err(away)?;
        let client = client.negotiate_version().await.map_err(away)?;
        let version = client.client_version();
        Ok(Self {
            socket: socket.to_owned(),
            api: (version.major_version, version.minor_version),
        })
    }

    /// Returns a client.
    ///
    /// # Errors
    /// The engine no longer answers.
    pub(super) fn connect(&self) -> Result<bollard::Docker, DockerError> {
        check_reachable(&self.socket)?;
        let version = ClientVersion {
            major_version: self.api.0,
            minor_version: self.api.1,
        };
        new_client(&self.socket, &version).map_err(|error| unreachable_error(&self.socket, &error))
    }

    /// Checks that the engine still answers.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(crate) async fn ensure_ready(&self) -> Result<(), DockerError> {
        let pong = self.connect()?.ping().await;
        pong.map(|_| ())
            .map_err(|error| unreachable_error(&self.socket, &error))
    }

    /// Returns the error of a request: the engine refused it, or does not answer.
    pub(super) fn request_error(
        &self,
        what: &'static str,
        error: &bollard::errors::Error,
    ) -> DockerError {
        use bollard::errors::Error;
        match error {
            Error::DockerResponseServerError { message, .. } => DockerError::Refused {
                what,
                reason: message.clone(),
            },
            Error::DockerStreamError { error } => DockerError::Refused {
                what,
                reason: error.clone(),
            },
            other => unreachable_error(&self.socket, other),
        }
    }
}

fn new_client(
    socket: &Path,
    version: &ClientVersion,
) -> Result<bollard::Docker, bollard::errors::Error> {
    bollard::Docker::connect_with_unix(&socket.to_string_lossy(), TIMEOUT_SECONDS, version)
}

/// Connects once: the errors of the client do not distinguish a missing permission from a missing
/// engine.
fn check_reachable(socket: &Path) -> Result<(), DockerError> {
    let socket_path = socket.to_owned();
    match UnixStream::connect(socket) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(DockerError::Forbidden {
                socket: socket_path,
            })
        }
        Err(error) => Err(DockerError::Away {
            socket: socket_path,
            reason: error.to_string(),
        }),
    }
}

fn unreachable_error(socket: &Path, error: &bollard::errors::Error) -> DockerError {
    DockerError::Away {
        socket: socket.to_owned(),
        reason: error.to_string(),
    }
}

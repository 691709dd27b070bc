//! Why a preview failed.

use std::io;
use std::time::Duration;

use crate::error::SandboxError;
use crate::run::child::SandboxExit;

/// Why a preview failed.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("a preview needs a directory for its socket")]
    NoDoor,
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}; choose another port or stop the program that uses it"
    )]
    Listen {
        /// The requested port on the host.
        port: u16,
        source: io::Error,
    },
    #[error(
        "the server of the preview ended ({exit:?}) before it answered{}",
        server_output_suffix(output)
    )]
    Ended {
        exit: SandboxExit,
        /// What the server printed.
        output: String,
    },
    /// The server did not respond with success in time.
    #[error("{url} did not answer within {} s ({last}){}", within.as_secs_f32(), server_output_suffix(output))]
    Unhealthy {
        url: String,
        within: Duration,
        /// The last response or error.
        last: String,
        /// What the server printed.
        output: String,
    },
}

/// Returns the output of a server as the end of a sentence; empty if it printed nothing.
fn server_output_suffix(output: &str) -> String {
    match output.trim() {
        "" => String::new(),
        words => format!("; its server printed:\n{words}"),
    }
}

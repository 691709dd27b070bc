//! Errors of browsers. Each message states what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::SandboxError;

/// Why a request to a browser failed.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    #[error(
        "no Chromium was found in PATH (chromium, chromium-browser, google-chrome); \
         install it with `apt-get install chromium`, or set its path: eklavya config set browser.path /path/to/chromium"
    )]
    NotInstalled,
    #[error(
        "the browser is disabled (browser.use); enable it: eklavya config set browser.use auto"
    )]
    Off,
    #[error(
        "browser.path names {}, which is not an executable program; correct it: \
         eklavya config set browser.path /path/to/chromium", path.display()
    )]
    NotAProgram {
        /// The configured path.
        path: PathBuf,
    },
    /// No sandbox is in force.
    #[error(
        "the browser runs only in a sandbox, because it could reach the whole network otherwise; run without --no-sandbox"
    )]
    Unprotected,
    /// Processes are isolated by Docker, and bubblewrap does not work.
    #[error("the browser runs under bubblewrap, beside the containers of agents: {0}")]
    InContainer(String),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The directories or the door of the browser cannot be created.
    #[error("cannot prepare the browser at {}: {source}", path.display())]
    Prepare { path: PathBuf, source: io::Error },
    /// The browser ended, or never responded.
    #[error("the browser ended{}", output_suffix(output))]
    Ended {
        /// The last output of the browser.
        output: String,
    },
    #[error(
        "the browser was killed: it used more than {} MiB of memory (browser.memoryMib)",
        limit >> 20
    )]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    #[error("{what} took longer than {} s", within.as_secs())]
    Slow {
        /// The request, as a verb form with -ing.
        what: &'static str,
        within: Duration,
    },
    /// The browser refused a request, or its response does not follow the protocol.
    #[error("the browser could not do it: {0}")]
    Refused(String),
    /// The address is not one of a preview.
    #[error("{url:?} cannot be opened: {reason}")]
    Address { url: String, reason: String },
    /// The page does not have the requested element.
    #[error("{0}")]
    NotThere(String),
    /// The screenshot is invalid or too large.
    #[error("the screenshot is not usable: {0}")]
    Picture(String),
}

impl BrowserError {
    /// Whether the browser cannot continue, so that the next request needs a new one.
    pub fn is_fatal(&self) -> bool {
        match self {
            BrowserError::Ended { .. }
            | BrowserError::Memory { .. }
            | BrowserError::Slow { .. }
            | BrowserError::Sandbox(_)
            | BrowserError::Prepare { .. } => true,
            BrowserError::NotInstalled
            | BrowserError::Off
            | BrowserError::NotAProgram { .. }
            | BrowserError::Unprotected
            | BrowserError::InContainer(_)
            | BrowserError::Refused(_)
            | BrowserError::Address { .. }
            | BrowserError::NotThere(_)
            | BrowserError::Picture(_) => false,
        }
    }
}

fn output_suffix(output: &str) -> String {
    match output.trim() {
        "" => String::new(),
        words => format!("; it printed:\n{words}"),
    }
}

//! What can go wrong with a browser, each with what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::SandboxError;

/// Why a browser did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// There is no Chromium.
    #[error(
        "no Chromium was found (chromium, chromium-browser and google-chrome were looked for in PATH); \
         install it with `apt-get install chromium`, or name one: eklavya config set browser.path /path/to/chromium"
    )]
    NotInstalled,
    /// It is not to be used.
    #[error(
        "the browser is switched off (browser.use); let it be used: eklavya config set browser.use auto"
    )]
    Off,
    /// The configured one cannot be started.
    #[error(
        "browser.path names {}, which is no program that can be started; correct it: \
         eklavya config set browser.path /path/to/chromium", path.display()
    )]
    NotAProgram {
        /// What was configured.
        path: PathBuf,
    },
    /// Processes are not held by a sandbox.
    #[error(
        "the browser runs only in a sandbox: without one it would reach the whole network; work without --no-sandbox"
    )]
    Unprotected,
    /// Processes are held by Docker, and nothing else could hold a browser.
    #[error("the browser runs under bubblewrap, beside the containers of agents: {0}")]
    InContainer(String),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The browser's directories or its door.
    #[error("cannot prepare the browser at {}: {source}", path.display())]
    Prepare {
        /// Where.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It ended, or never began to answer.
    #[error("the browser ended{}", output_suffix(output))]
    Ended {
        /// What it printed last.
        output: String,
    },
    /// It took too much memory.
    #[error(
        "the browser was ended: it took more than {} MiB of memory (browser.memoryMib)",
        limit >> 20
    )]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// It did not answer in time.
    #[error("{what} took longer than {} s", within.as_secs())]
    Slow {
        /// What it was asked for.
        what: &'static str,
        /// The time given.
        within: Duration,
    },
    /// It refused a request, or answered with something else than the protocol says.
    #[error("the browser could not do it: {0}")]
    Refused(String),
    /// An address that is not a preview's.
    #[error("{url:?} cannot be opened: {reason}")]
    Address {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The page does not have what was asked for.
    #[error("{0}")]
    NotThere(String),
    /// A picture that is none, or too large.
    #[error("the picture is not usable: {0}")]
    Picture(String),
}

impl BrowserError {
    /// Whether the browser itself can go on; where not, the next request needs a new one.
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
        words => format!("; it said:\n{words}"),
    }
}

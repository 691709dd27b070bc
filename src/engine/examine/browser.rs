//! The browser of the roles that have one: it opens a preview, and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::preview::{NAME, OTHER, OnePreview};
use super::server::{LINK, Server};
use eklavya_config::Config;
use eklavya_sandbox::browser::{Browser, BrowserError, BrowserSpec, Target, Viewport};
use eklavya_sandbox::examine::{ANSWER, directory_in};
use eklavya_sandbox::{Sandbox, User};

/// Why a browser is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum BrowserFault {
    /// It does not work.
    #[error(transparent)]
    Broken(#[from] BrowserError),
    /// Its directory or the server of the preview cannot be made.
    #[error("the browser cannot be tried: {0}")]
    Prepare(#[from] std::io::Error),
    /// It does not show the preview.
    #[error("the browser does not show a preview: {0:?}")]
    Blind(String),
    /// It reached what it may not.
    #[error("the browser reached {0}, which is no preview")]
    Hole(&'static str),
}

/// Starts a browser, has it open a preview, and then something else by its address and by a link.
///
/// # Errors
/// It does not work, or the something else was reached.
pub async fn try_browser(
    sandbox: &Sandbox,
    config: &Config,
    user: User,
    program: PathBuf,
    place: &Path,
) -> Result<(), BrowserFault> {
    let place = directory_in(place)?;
    let server = Server::start().await?;
    let spec = BrowserSpec {
        program,
        root: place.path().join("browser"),
        note: place.path().join("process"),
        user: sandbox.becomes(Some(user)),
        tmp_bytes: config.sandbox.tmp_bytes,
        disk_bytes: config.sandbox.disk_bytes,
        memory_bytes: config.browser.memory_mib << 20,
        names: Arc::new(OnePreview(server.address())),
        viewport: Viewport::default(),
    };
    let browser = Browser::start(sandbox, spec).await?;
    let looked = look(&browser).await;
    browser.end().await?;
    looked
}

async fn look(browser: &Browser) -> Result<(), BrowserFault> {
    browser.open(&format!("http://{NAME}/")).await?;
    let page = browser.read().await?;
    if !page.text.contains(ANSWER) {
        return Err(BrowserFault::Blind(page.text));
    }
    if browser.open(&format!("http://{OTHER}/")).await.is_ok() {
        return Err(BrowserFault::Hole("a preview that is not there"));
    }
    // The browser itself is asked by nobody where a link leads: its way out must refuse.
    browser.click(&Target::Text(LINK.to_owned())).await?;
    if browser.read().await?.text.contains(ANSWER) {
        return Err(BrowserFault::Hole("a port of this machine"));
    }
    Ok(())
}

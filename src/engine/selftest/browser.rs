//! The browser of the roles that have one: it opens a preview, and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::preview::{NAME, OTHER, SelftestPreview};
use super::server::{LINK, SelftestServer};
use eklavya_config::Config;
use eklavya_sandbox::browser::{
    BrowserError, BrowserSession, BrowserSpec, ElementLocator, ViewportSize,
};
use eklavya_sandbox::selftest::{ANSWER, create_test_dir};
use eklavya_sandbox::{Sandbox, SandboxUser};

/// Why a browser is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum BrowserSelftestError {
    /// It does not work.
    #[error(transparent)]
    Browser(#[from] BrowserError),
    /// Its directory or the server of the preview cannot be made.
    #[error("the browser cannot be tried: {0}")]
    Prepare(#[from] std::io::Error),
    /// It does not show the preview.
    #[error("the browser does not show a preview: {0:?}")]
    PageNotShown(String),
    /// It reached what it may not.
    #[error("the browser reached {0}, which is no preview")]
    ForbiddenReached(&'static str),
}

/// Starts a browser, has it open a preview, and then something else by its address and by a link.
///
/// # Errors
/// It does not work, or the something else was reached.
pub async fn run_browser_selftest(
    sandbox: &Sandbox,
    config: &Config,
    user: SandboxUser,
    program: PathBuf,
    place: &Path,
) -> Result<(), BrowserSelftestError> {
    let place = create_test_dir(place)?;
    let server = SelftestServer::start().await?;
    let spec = BrowserSpec {
        program,
        root: place.path().join("browser"),
        pid_file: place.path().join("process"),
        user: sandbox.effective_user(Some(user)),
        tmp_bytes: config.sandbox.tmp_bytes,
        disk_bytes: config.sandbox.disk_bytes,
        memory_bytes: config.browser.memory_mib << 20,
        names: Arc::new(SelftestPreview(server.address())),
        viewport: ViewportSize::default(),
    };
    let browser = BrowserSession::start(sandbox, spec).await?;
    let looked = check_pages(&browser).await;
    browser.close().await?;
    looked
}

async fn check_pages(browser: &BrowserSession) -> Result<(), BrowserSelftestError> {
    browser.open(&format!("http://{NAME}/")).await?;
    let page = browser.read_page().await?;
    if !page.text.contains(ANSWER) {
        return Err(BrowserSelftestError::PageNotShown(page.text));
    }
    if browser.open(&format!("http://{OTHER}/")).await.is_ok() {
        return Err(BrowserSelftestError::ForbiddenReached(
            "a preview that is not there",
        ));
    }
    // The browser itself is asked by nobody where a link leads: its way out must refuse.
    browser
        .click(&ElementLocator::Text(LINK.to_owned()))
        .await?;
    if browser.read_page().await?.text.contains(ANSWER) {
        return Err(BrowserSelftestError::ForbiddenReached(
            "a port of this machine",
        ));
    }
    Ok(())
}

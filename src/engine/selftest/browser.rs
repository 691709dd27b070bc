//! The selftest of the browser: it must open a preview, and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::preview::{PREVIEW_HOST, SelftestPreview, UNKNOWN_HOST};
use super::server::{LINK_TEXT, SelftestServer};
use eklavya_config::Config;
use eklavya_sandbox::browser::{
    BrowserError, BrowserSession, BrowserSpec, ElementLocator, ViewportSize,
};
use eklavya_sandbox::selftest::{ANSWER, create_test_dir};
use eklavya_sandbox::{Sandbox, SandboxUser};

/// Why the selftest of the browser failed.
#[derive(Debug, thiserror::Error)]
pub enum BrowserSelftestError {
    #[error(transparent)]
    Browser(#[from] BrowserError),
    /// The directory of the browser or the server of the preview cannot be created.
    #[error("the browser cannot be tested: {0}")]
    Prepare(#[from] std::io::Error),
    #[error("the browser does not show a preview: {0:?}")]
    PageNotShown(String),
    #[error("the browser reached {0}, which is no preview")]
    ForbiddenReached(&'static str),
}

/// Starts a browser that opens a preview, then an unknown preview by its address, and then a port of
/// this machine by a link.
///
/// # Errors
/// The browser does not work, or it reached what is not a preview.
pub async fn run_browser_selftest(
    sandbox: &Sandbox,
    config: &Config,
    user: SandboxUser,
    program: PathBuf,
    place: &Path,
) -> Result<(), BrowserSelftestError> {
    let directory = create_test_dir(place)?;
    let server = SelftestServer::start().await?;
    let spec = BrowserSpec {
        program,
        root: directory.path().join("browser"),
        pid_file: directory.path().join("process"),
        user: sandbox.effective_user(Some(user)),
        tmp_bytes: config.sandbox.tmp_bytes,
        disk_bytes: config.sandbox.disk_bytes,
        memory_bytes: config.browser.memory_mib << 20,
        names: Arc::new(SelftestPreview(server.address())),
        viewport: ViewportSize::default(),
    };
    let browser = BrowserSession::start(sandbox, spec).await?;
    let checked = check_pages(&browser).await;
    browser.close().await?;
    checked
}

async fn check_pages(browser: &BrowserSession) -> Result<(), BrowserSelftestError> {
    browser.open(&format!("http://{PREVIEW_HOST}/")).await?;
    let page = browser.read_page().await?;
    if !page.text.contains(ANSWER) {
        return Err(BrowserSelftestError::PageNotShown(page.text));
    }
    let unknown = format!("http://{UNKNOWN_HOST}/");
    if browser.open(&unknown).await.is_ok() {
        let reached = "a preview that does not exist";
        return Err(BrowserSelftestError::ForbiddenReached(reached));
    }
    // The tool does not check where a link leads, so the proxy must refuse.
    let link = ElementLocator::Text(LINK_TEXT.to_owned());
    browser.click(&link).await?;
    if browser.read_page().await?.text.contains(ANSWER) {
        let reached = "a port of this machine";
        return Err(BrowserSelftestError::ForbiddenReached(reached));
    }
    Ok(())
}

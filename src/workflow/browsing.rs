//! Browsers of a project: where they live, and the picture of each demo.

use std::path::Path;
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use super::error::WorkflowError;
use super::preview_names::{self, Names};
use super::site::Site;
use super::{artifacts, trial};
use crate::browser::{Browser, BrowserError, BrowserSpec, Picture, Place, PreviewNames, Viewport};
use crate::domain::artifact::about_demo;
use crate::domain::ids::AgentId;
use crate::vcs::remove_tree;

/// Starts a browser whose directory is `root`, in the project's place for throw-away trees.
pub(super) async fn start(
    site: &Site,
    root: &Path,
    names: Arc<dyn PreviewNames>,
) -> Result<Browser, BrowserError> {
    let program = site.chromium()?;
    let (sandbox, user) = site.browsing().await?;
    let spec = BrowserSpec {
        program,
        root: root.to_owned(),
        note: root.join(trial::PROCESS),
        user,
        tmp_bytes: site.config.sandbox.tmp_bytes,
        disk_bytes: site.config.sandbox.disk_bytes,
        memory_bytes: site.config.browser.memory_mib << 20,
        names,
        viewport: Viewport::default(),
    };
    Browser::start(&sandbox, spec).await
}

/// Returns the names of the project's own previews, for `agent` where it is an agent's browser that
/// asks.
pub(super) fn names(site: &Site, agent: Option<AgentId>) -> Names {
    Names {
        desk: site.desk.clone(),
        project: site.project().clone(),
        served: site.served.clone(),
        agent,
        tally: Arc::default(),
    }
}

/// Takes a picture of a demo that has become ready, where there is a browser. That there is no
/// picture holds nobody up.
pub(super) async fn picture_demo(
    site: &Site,
    number: u32,
    preview_url: &str,
) -> Result<(), WorkflowError> {
    if !site.is_sandboxed() || site.chromium().is_err() {
        return Ok(());
    }
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let taken = picture(site, &root, number, preview_url).await;
    remove_tree(&root).await?;
    match taken {
        Ok((picture, place)) => {
            artifacts::keep(site, None, &about_demo(number), &picture, &place).await?;
        }
        Err(error) => tracing::warn!("there is no picture of demo {number}: {error}"),
    }
    Ok(())
}

async fn picture(
    site: &Site,
    root: &Path,
    number: u32,
    preview_url: &str,
) -> Result<(Picture, Place), BrowserError> {
    let path = Url::parse(preview_url).map(|url| url.path().to_owned());
    let name = preview_names::of_demo(&site.project().slug, number);
    let url = format!("http://{name}{}", path.unwrap_or_default());
    let browser = start(site, root, Arc::new(names(site, None))).await?;
    let taken = async {
        let place = browser.open(&url).await?;
        Ok((browser.screenshot(false).await?, place))
    };
    let taken = taken.await;
    browser.end().await?;
    taken
}

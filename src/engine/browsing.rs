//! Browsers of a project: where they live, and the picture of each demo.

use std::path::Path;
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use super::artifacts::keep;
use super::error::WorkflowError;
use super::preview_names::{self, Names};
use super::site::Site;
use super::trial;
use eklavya_core::domain::artifact::about_demo;
use eklavya_core::domain::demo::{Demo, DemoState};
use eklavya_core::domain::ids::AgentId;
use eklavya_git::remove_tree;
use eklavya_sandbox::browser::{Browser, BrowserError, BrowserSpec, PreviewNames, Viewport};
use eklavya_services::{artifacts, demos};

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

/// Takes a picture of each demo that is ready and has none, where there is a browser: one for all of
/// them, since its start takes longer than its pictures. That there is no picture holds nobody up.
pub(super) async fn picture_demos(site: &Site) -> Result<(), WorkflowError> {
    if !site.is_sandboxed() || site.chromium().is_err() {
        return Ok(());
    }
    let wanted = without_picture(site).await?;
    if wanted.is_empty() {
        return Ok(());
    }
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let pictured = match start(site, &root, Arc::new(names(site, None))).await {
        Ok(browser) => picture_all(site, browser, wanted).await,
        Err(error) => {
            tracing::warn!("there are no pictures of the demos: {error}");
            Ok(())
        }
    };
    remove_tree(&root).await?;
    pictured
}

/// Takes the pictures and ends the browser, whatever comes of them.
async fn picture_all(
    site: &Site,
    browser: Browser,
    wanted: Vec<(u32, String)>,
) -> Result<(), WorkflowError> {
    let all = async {
        for (number, url) in wanted {
            picture_demo(site, &browser, number, &url).await?;
        }
        Ok(())
    };
    let pictured = all.await;
    if let Err(error) = browser.end().await {
        tracing::warn!("the browser of the demos did not end well: {error}");
    }
    pictured
}

/// Returns the numbers and addresses of the demos that are to be pictured.
async fn without_picture(site: &Site) -> Result<Vec<(u32, String)>, WorkflowError> {
    let pictures = artifacts::of_project(&site.desk, site.project().id).await?;
    let all = demos::list(&site.desk, site.project()).await?;
    let is_ready = |demo: &Demo| matches!(demo.state, DemoState::Ready { .. });
    let has_none = |demo: &Demo| {
        let subject = about_demo(demo.number);
        !pictures.iter().any(|picture| picture.subject == subject)
    };
    let wanted = all
        .into_iter()
        .filter(|demo| is_ready(demo) && has_none(demo));
    Ok(wanted
        .filter_map(|demo| Some((demo.number, demo.preview_url?)))
        .collect())
}

async fn picture_demo(
    site: &Site,
    browser: &Browser,
    number: u32,
    preview_url: &str,
) -> Result<(), WorkflowError> {
    let path = Url::parse(preview_url).map(|url| url.path().to_owned());
    let name = preview_names::of_demo(&site.project().slug, number);
    let url = format!("http://{name}{}", path.unwrap_or_default());
    let taken = async {
        let place = browser.open(&url).await?;
        Ok::<_, BrowserError>((browser.screenshot(false).await?, place))
    };
    match taken.await {
        Ok((picture, place)) => {
            keep(site, None, &about_demo(number), &picture, &place).await?;
        }
        Err(error) => tracing::warn!("there is no picture of demo {number}: {error}"),
    }
    Ok(())
}

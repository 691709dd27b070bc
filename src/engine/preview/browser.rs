//! Starting the browsers of a project, and taking the picture of each demo.

use std::path::Path;
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use crate::context::artifacts::store_screenshot;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::preview::names::{self as preview_names, ProjectPreviewNames};
use crate::workspace::command;
use eklavya_core::demo::artifact::demo_subject;
use eklavya_core::demo::{Demo, DemoState};
use eklavya_core::ids::AgentId;
use eklavya_core::project::Project;
use eklavya_git::remove_tree;
use eklavya_sandbox::browser::{
    BrowserError, BrowserSession, BrowserSpec, PreviewNames, ViewportSize,
};
use eklavya_services::{DataStore, artifacts, demos};

/// Starts a browser whose files are in `root`, a directory for throw-away trees.
pub(crate) async fn start_browser(
    site: &Site,
    root: &Path,
    names: Arc<dyn PreviewNames>,
) -> Result<BrowserSession, BrowserError> {
    let program = site.locate_chromium()?;
    let (sandbox, user) = site.browser_sandbox().await?;
    let spec = BrowserSpec {
        program,
        root: root.to_owned(),
        pid_file: root.join(command::PROCESS_FILE),
        user,
        tmp_bytes: site.config.sandbox.tmp_bytes,
        disk_bytes: site.config.sandbox.disk_bytes,
        memory_bytes: site.config.browser.memory_mib << 20,
        names,
        viewport: ViewportSize::default(),
    };
    BrowserSession::start(&sandbox, spec).await
}

/// Returns the names of the project's previews for the browser of `agent`, or of the orchestrator.
pub(crate) fn preview_names(site: &Site, agent: Option<AgentId>) -> ProjectPreviewNames {
    ProjectPreviewNames {
        data: site.data.clone(),
        project: site.project().clone(),
        served_preview: site.served_preview.clone(),
        agent,
        tally: Arc::default(),
    }
}

/// Takes a picture of each demo that is ready and has none, if a browser is available. One browser
/// serves all demos, because its start takes longer than the pictures. A failure is only logged.
pub(crate) async fn screenshot_demos(site: &Site) -> Result<(), EngineError> {
    if !site.is_sandboxed() || site.locate_chromium().is_err() {
        return Ok(());
    }
    let pending = find_demos_without_screenshot(&site.data, site.project()).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let taken = match start_browser(site, &root, Arc::new(preview_names(site, None))).await {
        Ok(browser) => screenshot_all(site, browser, pending).await,
        Err(error) => {
            tracing::warn!("could not take pictures of the demos: {error}");
            Ok(())
        }
    };
    remove_tree(&root).await?;
    taken
}

/// Takes the pictures, and closes the browser even if one fails.
async fn screenshot_all(
    site: &Site,
    browser: BrowserSession,
    pending: Vec<(u32, String)>,
) -> Result<(), EngineError> {
    let all = async {
        for (number, url) in pending {
            screenshot_demo(site, &browser, number, &url).await?;
        }
        Ok(())
    };
    let taken = all.await;
    if let Err(error) = browser.close().await {
        tracing::warn!("could not close the browser of the demos: {error}");
    }
    taken
}

/// Returns the numbers and URLs of the demos.
async fn find_demos_without_screenshot(
    data: &DataStore,
    project: &Project,
) -> Result<Vec<(u32, String)>, EngineError> {
    let pictures = artifacts::of_project(data, project.id).await?;
    let all = demos::list(data, project).await?;
    let is_ready = |demo: &Demo| matches!(demo.state, DemoState::Ready { .. });
    let has_none = |demo: &Demo| {
        let subject = demo_subject(demo.number);
        !pictures.iter().any(|picture| picture.subject == subject)
    };
    let pending = all
        .into_iter()
        .filter(|demo| is_ready(demo) && has_none(demo));
    Ok(pending
        .filter_map(|demo| Some((demo.number, demo.preview_url?)))
        .collect())
}

async fn screenshot_demo(
    site: &Site,
    browser: &BrowserSession,
    number: u32,
    preview_url: &str,
) -> Result<(), EngineError> {
    let path = Url::parse(preview_url).map(|url| url.path().to_owned());
    let name = preview_names::demo_host(&site.project().slug, number);
    let url = format!("http://{name}{}", path.unwrap_or_default());
    let taken = async {
        let place = browser.open(&url).await?;
        Ok::<_, BrowserError>((browser.screenshot(false).await?, place))
    };
    match taken.await {
        Ok((picture, place)) => {
            store_screenshot(site, None, &demo_subject(number), &picture, &place).await?;
        }
        Err(error) => tracing::warn!("could not take a picture of demo {number}: {error}"),
    }
    Ok(())
}

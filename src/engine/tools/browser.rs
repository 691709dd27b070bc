//! The tools of a role with a browser: one browser for each agent, started at the first call.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::browser_calls::{
    BACK, CLICK, OPEN, PRESS, READ, RESIZE, SCREENSHOT, ScreenshotArguments, TYPE, WAIT,
    browser_tool_descriptions,
};
use super::browser_steps::{self, BrowserStepResult};
use crate::context::artifacts;
use crate::context::site::Site;
use crate::preview::browser;
use eklavya_claude::mcp::{ToolDescription, ToolImage, ToolReply, ToolServer};
use eklavya_core::ids::AgentId;
use eklavya_git::remove_tree;
use eklavya_sandbox::browser::{
    BrowserError, BrowserSession, PageLocation, PageScreenshot, PreviewNames,
};

/// The most pictures of one agent: each stays in the directory of the project.
const MAX_PICTURES: u32 = 30;
/// The bytes of pictures that one agent is shown. They become part of each of its later requests,
/// whose size the model's endpoint limits. Later pictures are kept but not shown.
const MAX_SHOWN: usize = 12 * 1024 * 1024;

pub(super) struct BrowserTool {
    site: Weak<Site>,
    agent: AgentId,
    /// The key of the agent's task, which is the subject of its pictures.
    subject: String,
    names: Arc<dyn PreviewNames>,
    /// The previews that were running when the agent started.
    known_names: Vec<String>,
    root: PathBuf,
    screenshot_count: AtomicU32,
    bytes_shown: AtomicUsize,
    /// One call at a time.
    browser: Mutex<Option<BrowserSession>>,
}

impl BrowserTool {
    /// `subject` is the key of the agent's task.
    pub(super) async fn new(site: &Arc<Site>, agent: AgentId, subject: &str) -> Self {
        let names = browser::preview_names(site, Some(agent));
        Self {
            site: Arc::downgrade(site),
            agent,
            subject: subject.to_owned(),
            known_names: names.list_names().await,
            names: Arc::new(names),
            root: site.paths.scratch().join(Uuid::new_v4().to_string()),
            screenshot_count: AtomicU32::new(0),
            bytes_shown: AtomicUsize::new(0),
            browser: Mutex::default(),
        }
    }

    /// Runs a call in the browser, which is started if it is not running. After a fatal error the
    /// next call starts a new browser.
    async fn run_step(&self, name: &str, arguments: Value) -> ToolReply {
        let Some(site) = self.site.upgrade() else {
            return ToolReply::error("the run is being stopped");
        };
        let mut slot = self.browser.lock().await;
        let browser = match slot.take() {
            Some(browser) => browser,
            None => match self.start_browser(&site).await {
                Ok(browser) => browser,
                Err(reason) => return ToolReply::error(reason),
            },
        };
        let result = self.dispatch_step(&site, &browser, name, arguments).await;
        match result {
            Ok(reply) => {
                *slot = Some(browser);
                // The product may have secrets and show them.
                let text = site.data.redactor().redact_text(&reply.text);
                ToolReply { text, ..reply }
            }
            Err(error) => {
                let mut text = describe_failure(&site, &error);
                if error.is_fatal() {
                    text.push_str("; the next call starts a new browser with an empty page");
                    // The browser is killed even if this fails.
                    let _ = browser.close().await;
                } else {
                    *slot = Some(browser);
                }
                ToolReply::error(text)
            }
        }
    }

    async fn start_browser(&self, site: &Site) -> Result<BrowserSession, String> {
        let fault = |error: &dyn std::fmt::Display| {
            format!("no browser is available: {error}. Judge by what you can read, and state that")
        };
        // The files of an earlier browser.
        remove_tree(&self.root).await.map_err(|e| fault(&e))?;
        let started = browser::start_browser(site, &self.root, Arc::clone(&self.names)).await;
        started.map_err(|error| fault(&error))
    }

    async fn dispatch_step(
        &self,
        site: &Site,
        browser: &BrowserSession,
        name: &str,
        arguments: Value,
    ) -> BrowserStepResult {
        match name {
            OPEN => browser_steps::open_page(browser, arguments).await,
            BACK => browser_steps::go_back(browser, arguments).await,
            CLICK => browser_steps::click_element(browser, arguments).await,
            TYPE => browser_steps::fill_field(browser, arguments).await,
            PRESS => browser_steps::press_key(browser, arguments).await,
            READ => browser_steps::read_page(browser, arguments).await,
            WAIT => browser_steps::wait_until_visible(browser, arguments).await,
            RESIZE => browser_steps::resize_window(browser, arguments).await,
            SCREENSHOT => self.take_screenshot(site, browser, arguments).await,
            other => Ok(ToolReply::error(format!("there is no tool {other:?}"))),
        }
    }

    async fn take_screenshot(
        &self,
        site: &Site,
        browser: &BrowserSession,
        arguments: Value,
    ) -> BrowserStepResult {
        let ScreenshotArguments { whole } =
            browser_steps::parse_step_arguments(SCREENSHOT, arguments)?;
        if self.screenshot_count.fetch_add(1, Ordering::Relaxed) >= MAX_PICTURES {
            let text =
                format!("{MAX_PICTURES} pictures were taken, which is the limit of one agent");
            return Err(BrowserError::NotThere(text));
        }
        let place = browser.read_page().await?.place;
        let picture = browser.screenshot(whole).await?;
        let notice = self.keep_picture(site, &picture, &place).await;
        let page = json!({ "place": place, "width": picture.width, "height": picture.height });
        let mut reply = browser_steps::page_reply(browser, "took a picture", &page);
        reply.text = format!("{}\n{notice}", reply.text);
        let bytes = picture.png.len();
        if self.bytes_shown.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_SHOWN {
            let limit = "\nIt is not shown: you have reached the limit of shown pictures.";
            reply.text.push_str(limit);
            return Ok(reply);
        }
        Ok(reply.with_image(reply_image(&picture)))
    }

    /// Stores a picture for the client and returns what the agent is told about it.
    async fn keep_picture(
        &self,
        site: &Site,
        picture: &PageScreenshot,
        place: &PageLocation,
    ) -> Value {
        let agent = Some(self.agent);
        match artifacts::store_screenshot(site, agent, &self.subject, picture, place).await {
            Ok(artifact) => json!({ "picture": artifact.id, "kept": true }),
            Err(error) => {
                tracing::warn!("could not keep a picture of an agent: {error}");
                json!({ "kept": false })
            }
        }
    }
}

fn describe_failure(site: &Site, error: &BrowserError) -> String {
    let mut text = error.to_string();
    if let BrowserError::Address { .. } = error {
        let failure = site.served_preview.failure();
        text.extend(failure.map(|why| format!("; the product does not run: {why}")));
    }
    text
}

fn reply_image(picture: &PageScreenshot) -> ToolImage {
    ToolImage {
        media_type: "image/png",
        base64: BASE64_STANDARD.encode(&picture.png),
    }
}

impl ToolServer for BrowserTool {
    fn tools(&self) -> Vec<ToolDescription> {
        browser_tool_descriptions(&self.known_names)
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(self.run_step(name, arguments))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(browser) = self.browser.lock().await.take()
                && let Err(error) = browser.close().await
            {
                tracing::warn!("could not close the browser of an agent: {error}");
            }
            if let Err(error) = remove_tree(&self.root).await {
                tracing::warn!("could not remove {}: {error}", self.root.display());
            }
        })
    }
}

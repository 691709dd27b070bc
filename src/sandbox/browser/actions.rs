//! The actions of an agent on a page: opening, clicking, typing, reading.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::{Host, Url};

use super::door::join_preview_urls;
use super::error::BrowserError;
use super::page::keys;
use super::page::screenshot::{MAX_BYTES, PageScreenshot, check_png};
use super::page::{
    ClickPoint, ElementLocator, ElementPresence, FillResult, PageLocation, PageText, truncate_chars,
};
use super::session::{BrowserSession, LOAD_TIMEOUT, ViewportSize, device_metrics, parse_response};
use crate::proxy::HTTP_PORT;
use eklavya_core::egress;

/// The interval at which a page is checked for an element that should appear.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// The maximum height of a screenshot of a whole page, in pixels.
const MAX_HEIGHT: f64 = 6000.0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NavigationHistory {
    current_index: usize,
    entries: Vec<NavigationEntry>,
}

#[derive(Deserialize)]
struct NavigationEntry {
    id: i64,
    url: String,
}

impl NavigationHistory {
    fn previous(&self) -> Option<&NavigationEntry> {
        let index = self.current_index.checked_sub(1)?;
        let entry = self.entries.get(index)?;
        (entry.url != "about:blank").then_some(entry)
    }
}

impl BrowserSession {
    /// Opens an address of a preview, or a path relative to the current page.
    pub async fn open(&self, url: &str) -> Result<PageLocation, BrowserError> {
        let url = self.resolve_url(url).await?;
        let params = json!({ "url": url.as_str() });
        let navigated = self
            .call_within("Page.navigate", "opening the page", params, LOAD_TIMEOUT)
            .await?;
        if let Some(error) = navigated.get("errorText").and_then(Value::as_str) {
            let reason = truncate_chars(error, 100);
            return Err(BrowserError::Address {
                url: url.into(),
                reason,
            });
        }
        self.wait_until_loaded().await?;
        self.location().await
    }

    /// Goes back to the previous page.
    pub async fn go_back(&self) -> Result<PageLocation, BrowserError> {
        let what = "reading the history";
        let history = self
            .call("Page.getNavigationHistory", what, json!({}))
            .await?;
        let history: NavigationHistory = parse_response(history)?;
        let previous = history
            .previous()
            .ok_or_else(|| BrowserError::NotThere("this page has no previous page".to_owned()))?;
        let params = json!({ "entryId": previous.id });
        self.call("Page.navigateToHistoryEntry", "going back", params)
            .await?;
        self.wait_after_input().await?;
        self.location().await
    }

    /// Clicks on an element. Returns a description of the element.
    pub async fn click(
        &self,
        target: &ElementLocator,
    ) -> Result<(String, PageLocation), BrowserError> {
        let point: ClickPoint = self.query_page("spot", target.to_argument()).await?;
        let what = truncate_chars(&point.what, 200);
        if !point.found {
            return Err(target.not_found_error());
        }
        if let Some(obstacle) = find_obstacle(&point) {
            return Err(BrowserError::NotThere(format!("{what} {obstacle}")));
        }
        self.click_at(point.x, point.y).await?;
        self.wait_after_input().await?;
        Ok((what, self.location().await?))
    }

    async fn click_at(&self, x: f64, y: f64) -> Result<(), BrowserError> {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let params = json!({
                "type": kind, "x": x, "y": y, "button": button,
                "clickCount": i32::from(kind != "mouseMoved"),
            });
            self.call("Input.dispatchMouseEvent", "clicking", params)
                .await?;
        }
        Ok(())
    }

    /// Replaces the text of a field, or selects an option of a list. With `submit`, presses Enter
    /// afterwards. Returns a description of the field.
    pub async fn fill(
        &self,
        target: &ElementLocator,
        text: &str,
        submit: bool,
    ) -> Result<(String, PageLocation), BrowserError> {
        let mut argument = target.to_argument();
        argument["value"] = text.into();
        let filled: FillResult = self.query_page("fill", argument).await?;
        if !filled.found {
            return Err(target.not_found_error());
        }
        let what = truncate_chars(&filled.what, 200);
        if !filled.options.is_empty() {
            let options = list_options(&filled.options);
            let text = format!("{what} has no option {text:?}; it has {options}");
            return Err(BrowserError::NotThere(text));
        }
        if !filled.done {
            if !filled.editable {
                let text = format!("{what} is not an editable field");
                return Err(BrowserError::NotThere(text));
            }
            let params = json!({ "text": text });
            self.call("Input.insertText", "typing", params).await?;
        }
        if submit {
            self.press_key("Enter").await?;
        }
        self.wait_after_input().await?;
        Ok((what, self.location().await?))
    }

    /// Presses a key in the focused element.
    pub async fn press_key(&self, name: &str) -> Result<PageLocation, BrowserError> {
        let Some(key) = keys::find_key(name) else {
            let known = keys::key_names().join(", ");
            let text = format!("{name:?} is not a supported key; supported keys are {known}");
            return Err(BrowserError::NotThere(text));
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({
                "type": kind, "key": if key.name == "Space" { " " } else { key.name },
                "code": key.code, "windowsVirtualKeyCode": key.number,
            });
            if kind == "keyDown" && !key.text.is_empty() {
                params["text"] = key.text.into();
            }
            self.call("Input.dispatchKeyEvent", "pressing a key", params)
                .await?;
        }
        self.wait_after_input().await?;
        self.location().await
    }

    /// Returns the text, links and fields of the page.
    pub async fn read_page(&self) -> Result<PageText, BrowserError> {
        let text: PageText = self.query_page("read", json!({})).await?;
        Ok(text.clipped())
    }

    /// Waits until an element is visible on the page.
    pub async fn wait_for(
        &self,
        target: &ElementLocator,
        within: Duration,
    ) -> Result<PageLocation, BrowserError> {
        let end = Instant::now() + within;
        loop {
            let found: ElementPresence = self.query_page("has", target.to_argument()).await?;
            if found.found {
                return self.location().await;
            }
            if Instant::now() >= end {
                let missing = target.not_found_error();
                let text = format!("{missing}, even after {} s", within.as_secs());
                return Err(BrowserError::NotThere(text));
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Sets the size of the window.
    pub async fn resize(&self, viewport: ViewportSize) -> Result<(), BrowserError> {
        let what = "setting the size of the window";
        self.call(
            "Emulation.setDeviceMetricsOverride",
            what,
            device_metrics(viewport),
        )
        .await?;
        Ok(())
    }

    /// Takes a screenshot of the window, or of the whole page up to [`MAX_HEIGHT`].
    pub async fn screenshot(&self, whole: bool) -> Result<PageScreenshot, BrowserError> {
        let mut scale = 1.0;
        loop {
            let mut params = json!({ "format": "png", "optimizeForSpeed": false });
            if whole || scale < 1.0 {
                params["clip"] = self.screenshot_clip(whole, scale).await?;
                params["captureBeyondViewport"] = whole.into();
            }
            let shot = self
                .call("Page.captureScreenshot", "taking a screenshot", params)
                .await?;
            let data = shot.get("data").and_then(Value::as_str).unwrap_or_default();
            if data.len() / 4 * 3 > MAX_BYTES && scale > 0.3 {
                scale /= 2.0;
                continue;
            }
            let wrong = |_| BrowserError::Picture("it is not base64".to_owned());
            let png = BASE64_STANDARD.decode(data).map_err(wrong)?;
            let (width, height) = check_png(&png)?;
            return Ok(PageScreenshot { png, width, height });
        }
    }

    async fn screenshot_clip(&self, whole: bool, scale: f64) -> Result<Value, BrowserError> {
        let what = "measuring the page";
        let layout = self.call("Page.getLayoutMetrics", what, json!({})).await?;
        let size = |area: &str, field: &str| {
            let number = layout.get(area).and_then(|size| size.get(field));
            number.and_then(Value::as_f64).unwrap_or(0.0)
        };
        let width = size("cssLayoutViewport", "clientWidth").clamp(1.0, 4000.0);
        let (top, height) = if whole {
            (0.0, size("cssContentSize", "height"))
        } else {
            let top = size("cssVisualViewport", "pageY");
            (top, size("cssLayoutViewport", "clientHeight"))
        };
        let height = height.clamp(1.0, MAX_HEIGHT);
        Ok(json!({ "x": 0, "y": top, "width": width, "height": height, "scale": scale }))
    }

    /// Returns the absolute address of `text`.
    ///
    /// # Errors
    /// It is not an address of a preview.
    async fn resolve_url(&self, text: &str) -> Result<Url, BrowserError> {
        let refused = |reason: String| BrowserError::Address {
            url: truncate_chars(text, 300),
            reason,
        };
        let parsed = match Url::parse(text) {
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let here = self.location().await?.url;
                Url::parse(&here).and_then(|here| here.join(text))
            }
            parsed => parsed,
        };
        let url = parsed.map_err(|error| refused(error.to_string()))?;
        if self.is_preview(&url).await {
            return Ok(url);
        }
        Err(refused(explain_refusal(&self.names().list_names().await)))
    }

    async fn is_preview(&self, url: &Url) -> bool {
        let anonymous = url.username().is_empty() && url.password().is_none();
        let Some(Host::Domain(host)) = url.host() else {
            return false;
        };
        if url.scheme() != "http" || url.port().is_some() || !anonymous {
            return false;
        }
        let target = egress::EgressTarget {
            host: egress::EgressHost::Name(host.to_ascii_lowercase()),
            port: HTTP_PORT,
        };
        self.names().find_preview(&target).await.is_some()
    }
}

/// Returns why an element cannot be clicked, as a person would see it.
fn find_obstacle(point: &ClickPoint) -> Option<String> {
    if !(point.visible && point.x.is_finite() && point.y.is_finite()) {
        return Some("is not visible".to_owned());
    }
    if point.disabled {
        return Some("is disabled".to_owned());
    }
    let cover = truncate_chars(point.covered.as_ref()?, 200);
    Some(format!("cannot be clicked: {cover} covers it"))
}

fn list_options(options: &[String]) -> String {
    let listed = options.iter().take(50);
    let listed: Vec<String> = listed.map(|option| truncate_chars(option, 100)).collect();
    listed.join(", ")
}

fn explain_refusal(known: &[String]) -> String {
    if known.is_empty() {
        return "only previews of this project can be opened, and none of them is running"
            .to_owned();
    }
    let known = join_preview_urls(known);
    format!("only previews of this project can be opened: {known}")
}

//! A running browser with one page.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::cdp::CdpConnection;
use super::door::{BrowserDoor, PreviewNames};
use super::error::BrowserError;
use super::page::{self, PageLocation};
use super::page_events::{PageEvents, PageNotices};
use super::process::BrowserProcess;
use crate::run::sandbox::{IsolationBackend, Sandbox};
use crate::user::SandboxUser;
use crate::workspace_dirs::WorkspaceDirs;

/// How long the browser may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the browser may take to respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait for a page to load; after that, the part that has loaded is used.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait for a click or a key to start loading a page.
const REACTION_TIME: Duration = Duration::from_millis(250);

/// The size of the window in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewportSize {
    pub width: u32,
    pub height: u32,
}

impl Default for ViewportSize {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 800,
        }
    }
}

/// How to start a browser.
#[derive(Clone)]
pub struct BrowserSpec {
    /// The path of Chromium.
    pub program: PathBuf,
    /// The directory of its sandbox. The caller removes it.
    pub root: PathBuf,
    /// The file that names its process while it runs.
    pub pid_file: PathBuf,
    /// The user that root switches to.
    pub user: Option<SandboxUser>,
    /// The size of each temporary file system.
    pub tmp_bytes: u64,
    /// The limit of disk space.
    pub disk_bytes: u64,
    /// The limit of memory.
    pub memory_bytes: u64,
    /// The previews that it reaches.
    pub names: Arc<dyn PreviewNames>,
    pub viewport: ViewportSize,
}

/// A running browser with one page. Dropping it kills it.
pub struct BrowserSession {
    connection: Arc<CdpConnection>,
    process: BrowserProcess,
    door: BrowserDoor,
    /// The session with the page.
    session: String,
    /// The page. Its main frame has the same id.
    target: String,
    loading: watch::Receiver<bool>,
    notices: PageNotices,
    event_task: JoinHandle<()>,
    names: Arc<dyn PreviewNames>,
}

impl std::fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowserSession")
            .field("pid", &self.process.pid())
            .finish_non_exhaustive()
    }
}

impl Drop for BrowserSession {
    fn drop(&mut self) {
        self.event_task.abort();
    }
}

impl BrowserSession {
    /// Starts a browser with an empty page.
    ///
    /// # Errors
    /// Bubblewrap is not the backend in force, or the browser does not respond.
    pub async fn start(sandbox: &Sandbox, spec: BrowserSpec) -> Result<Self, BrowserError> {
        require_bubblewrap(sandbox)?;
        let dirs = WorkspaceDirs::below(&spec.root);
        dirs.create(spec.user)?;
        let door = BrowserDoor::open(&dirs, spec.user, Arc::clone(&spec.names))?;
        let (process, input, output) = BrowserProcess::start(sandbox, &spec, &dirs).await?;
        let (connection, events) = CdpConnection::new(input, output);
        let connection = Arc::new(connection);
        let attached = attach_to_page(&connection, spec.viewport).await;
        let (session, target) = match attached {
            Ok(attached) => attached,
            Err(BrowserError::Ended { .. }) => return Err(explain_end(&process).await),
            Err(error) => return Err(error),
        };
        let (loading_sender, loading) = watch::channel(false);
        let notices = PageNotices::default();
        let page_events = PageEvents {
            connection: Arc::clone(&connection),
            session: session.clone(),
            target: target.clone(),
            loading: loading_sender,
            notices: Arc::clone(&notices),
        };
        Ok(Self {
            event_task: tokio::spawn(page_events.run(events)),
            connection,
            process,
            door,
            session,
            target,
            loading,
            notices,
            names: spec.names,
        })
    }

    /// Kills the browser and waits until all its processes have ended.
    pub async fn close(mut self) -> Result<(), BrowserError> {
        let ended = self.process.kill().await;
        self.door.close().await;
        self.names.on_ended().await;
        ended
    }

    /// Removes and returns the notices about dialogs and windows.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.drain(..).collect()
    }

    pub(super) fn names(&self) -> &dyn PreviewNames {
        self.names.as_ref()
    }

    pub(super) async fn location(&self) -> Result<PageLocation, BrowserError> {
        let location: PageLocation = self.query_page("state", json!({})).await?;
        Ok(location.clipped())
    }

    /// Calls the function in `page.js`, in a world that the page's own scripts cannot reach.
    pub(super) async fn query_page<T: DeserializeOwned>(
        &self,
        action: &str,
        target: Value,
    ) -> Result<T, BrowserError> {
        let what = "reading the page";
        let params = json!({ "frameId": self.target, "worldName": "eklavya" });
        let world = self.call("Page.createIsolatedWorld", what, params).await?;
        let arguments = [json!(action), target, json!(page::MAX_TEXT)];
        let arguments = arguments.map(|value| json!({ "value": value }));
        let params = json!({
            "functionDeclaration": page::FUNCTION, "arguments": arguments, "returnByValue": true,
            "executionContextId": world.get("executionContextId"), "userGesture": false,
        });
        let response = self.call("Runtime.callFunctionOn", what, params).await?;
        if response.get("exceptionDetails").is_some() {
            let text = "the page cannot be read: its scripts interfere with built-in functions";
            return Err(BrowserError::Refused(text.to_owned()));
        }
        let value = response.pointer("/result/value");
        parse_response(value.cloned().unwrap_or_default())
    }

    /// Waits until the page has loaded, or for [`LOAD_TIMEOUT`].
    pub(super) async fn wait_until_loaded(&self) -> Result<(), BrowserError> {
        let mut loading = self.loading.clone();
        let done = loading.wait_for(|loading| !loading);
        match tokio::time::timeout(LOAD_TIMEOUT, done).await {
            Ok(Err(_)) => Err(self.process.end_reason()),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Waits for the page that a click or a key may load.
    pub(super) async fn wait_after_input(&self) -> Result<(), BrowserError> {
        tokio::time::sleep(REACTION_TIME).await;
        self.wait_until_loaded().await
    }

    /// Calls a method of the session with the page.
    pub(super) async fn call(
        &self,
        method: &str,
        what: &'static str,
        params: Value,
    ) -> Result<Value, BrowserError> {
        self.call_within(method, what, params, RESPONSE_TIMEOUT)
            .await
    }

    /// Calls a method of the session with the page that may take `within`.
    pub(super) async fn call_within(
        &self,
        method: &str,
        what: &'static str,
        params: Value,
        within: Duration,
    ) -> Result<Value, BrowserError> {
        let session = Some(self.session.as_str());
        let called = self
            .connection
            .call(session, (method, what), params, within)
            .await;
        match called {
            Err(BrowserError::Ended { .. }) => Err(explain_end(&self.process).await),
            called => called,
        }
    }
}

/// Returns why a browser ended, after a moment in which its last output arrives.
async fn explain_end(process: &BrowserProcess) -> BrowserError {
    tokio::time::sleep(Duration::from_millis(100)).await;
    process.end_reason()
}

/// Parses a response of the browser.
pub(super) fn parse_response<T: DeserializeOwned>(value: Value) -> Result<T, BrowserError> {
    serde_json::from_value(value)
        .map_err(|error| BrowserError::Refused(format!("its response cannot be parsed: {error}")))
}

/// Returns the size of the window as parameters of the protocol.
pub(super) fn device_metrics(viewport: ViewportSize) -> Value {
    let ViewportSize { width, height } = viewport;
    json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 })
}

fn require_bubblewrap(sandbox: &Sandbox) -> Result<(), BrowserError> {
    match sandbox.isolation() {
        IsolationBackend::Bubblewrap { .. } => Ok(()),
        IsolationBackend::Docker(_) => {
            let why = "the configured isolation is docker".to_owned();
            Err(BrowserError::InContainer(why))
        }
        IsolationBackend::None => Err(BrowserError::Unprotected),
    }
}

/// Creates the page. Returns the session with it, and its id.
async fn attach_to_page(
    connection: &CdpConnection,
    viewport: ViewportSize,
) -> Result<(String, String), BrowserError> {
    let what = "starting the browser";
    let call = async |session: Option<&str>, method: &str, params: Value| {
        let called = connection.call(session, (method, what), params, START_TIMEOUT);
        called.await
    };
    let params = json!({ "url": "about:blank" });
    let created = call(None, "Target.createTarget", params).await?;
    let target = string_field(&created, "targetId")?;
    let params = json!({ "targetId": target, "flatten": true });
    let attached = call(None, "Target.attachToTarget", params).await?;
    let session = string_field(&attached, "sessionId")?;
    let own = Some(session.as_str());
    call(own, "Page.enable", json!({})).await?;
    let metrics = device_metrics(viewport);
    call(own, "Emulation.setDeviceMetricsOverride", metrics).await?;
    let deny = json!({ "behavior": "deny" });
    call(None, "Browser.setDownloadBehavior", deny).await?;
    let discover = json!({ "discover": true });
    call(None, "Target.setDiscoverTargets", discover).await?;
    Ok((session, target))
}

fn string_field(answer: &Value, field: &str) -> Result<String, BrowserError> {
    let found = answer.get(field).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| BrowserError::Refused(format!("its response contains no {field}")))
}

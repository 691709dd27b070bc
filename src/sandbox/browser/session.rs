//! A browser at work: one page, and asking for something on it.

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
use super::process::BrowserProcess;
use crate::browser::page_events::{PageEvents, PageNotices};
use crate::run::sandbox::{IsolationBackend, Sandbox};
use crate::user::SandboxUser;
use crate::workspace_dirs::WorkspaceDirs;

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How long a page may take to be there; after that one goes on with what there is.
pub(super) const LOAD: Duration = Duration::from_secs(15);
/// How long a click is waited for to begin something.
const REACTION: Duration = Duration::from_millis(250);

/// The size of the window in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewportSize {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
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

/// A browser to be.
#[derive(Clone)]
pub struct BrowserSpec {
    /// The Chromium.
    pub program: PathBuf,
    /// The directory for its sandbox; whoever starts it removes it.
    pub root: PathBuf,
    /// The file that names its process while it runs.
    pub pid_file: PathBuf,
    /// Whom root becomes.
    pub user: Option<SandboxUser>,
    /// Size of each temporary file system.
    pub tmp_bytes: u64,
    /// What it may take of the disk.
    pub disk_bytes: u64,
    /// What it may take of the memory.
    pub memory_bytes: u64,
    /// What it reaches.
    pub names: Arc<dyn PreviewNames>,
    /// The window.
    pub viewport: ViewportSize,
}

/// A running browser with one page. Dropping it kills it.
pub struct BrowserSession {
    connection: Arc<CdpConnection>,
    process: BrowserProcess,
    door: BrowserDoor,
    /// The session with the page, and the page itself (its main frame has the same id).
    session: String,
    target: String,
    loading: watch::Receiver<bool>,
    notices: PageNotices,
    event_task: JoinHandle<()>,
    names: Arc<dyn PreviewNames>,
}

impl std::fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser")
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
    /// There is no sandbox in force, or it does not begin to answer.
    pub async fn start(sandbox: &Sandbox, spec: BrowserSpec) -> Result<Self, BrowserError> {
        match sandbox.isolation() {
            IsolationBackend::Bubblewrap { .. } => {}
            IsolationBackend::Docker(_) => {
                let why = "a container was asked for".to_owned();
                return Err(BrowserError::InContainer(why));
            }
            IsolationBackend::None => return Err(BrowserError::Unprotected),
        }
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
        let (load, loading) = watch::channel(false);
        let notices = PageNotices::default();
        let warden = PageEvents {
            connection: Arc::clone(&connection),
            session: session.clone(),
            target: target.clone(),
            loading: load,
            notices: Arc::clone(&notices),
        };
        Ok(Self {
            event_task: tokio::spawn(warden.run(events)),
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

    /// Returns the process id of its sandbox on the host.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills it and waits until nothing of it is left.
    pub async fn close(mut self) -> Result<(), BrowserError> {
        let ended = self.process.kill().await;
        self.door.close().await;
        self.names.on_ended().await;
        ended
    }

    /// Returns, and forgets, what happened beside what was asked for: dialogs, windows.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.drain(..).collect()
    }

    /// Returns what it reaches.
    pub(super) fn names(&self) -> &dyn PreviewNames {
        self.names.as_ref()
    }

    /// Returns where the page is.
    pub(super) async fn location(&self) -> Result<PageLocation, BrowserError> {
        let place: PageLocation = self.query_page("state", json!({})).await?;
        Ok(place.clipped())
    }

    /// Asks the page, in a world that its own scripts do not reach.
    pub(super) async fn query_page<T: DeserializeOwned>(
        &self,
        action: &str,
        target: Value,
    ) -> Result<T, BrowserError> {
        let what = "looking at the page";
        let params = json!({ "frameId": self.target, "worldName": "eklavya" });
        let world = self.call("Page.createIsolatedWorld", what, params).await?;
        let arguments = [json!(action), target, json!(page::MAX_TEXT)];
        let arguments: Vec<Value> = arguments
            .into_iter()
            .map(|value| json!({ "value": value }))
            .collect();
        let params = json!({
            "functionDeclaration": page::FUNCTION, "arguments": arguments, "returnByValue": true,
            "executionContextId": world.get("executionContextId"), "userGesture": false,
        });
        let answer = self.call("Runtime.callFunctionOn", what, params).await?;
        if answer.get("exceptionDetails").is_some() {
            let text = "the page cannot be looked at: it stands in the way of its own functions";
            return Err(BrowserError::Refused(text.to_owned()));
        }
        let value = answer.get("result").and_then(|result| result.get("value"));
        parse_answer(value.cloned().unwrap_or_default())
    }

    /// Waits until the page is there, or has taken too long.
    pub(super) async fn wait_until_loaded(&self) -> Result<(), BrowserError> {
        let mut loading = self.loading.clone();
        let done = loading.wait_for(|loading| !loading);
        match tokio::time::timeout(LOAD, done).await {
            Ok(Err(_)) => Err(self.process.end_reason()),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Waits for what a click or a key may have begun.
    pub(super) async fn wait_after_input(&self) -> Result<(), BrowserError> {
        tokio::time::sleep(REACTION).await;
        self.wait_until_loaded().await
    }

    /// Calls a method of the session with the page.
    pub(super) async fn call(
        &self,
        method: &str,
        what: &'static str,
        params: Value,
    ) -> Result<Value, BrowserError> {
        self.call_within(method, what, params, ANSWER).await
    }

    /// Calls a method of the session with the page.
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

/// Returns why a browser is gone, once its last words were heard.
async fn explain_end(process: &BrowserProcess) -> BrowserError {
    tokio::time::sleep(Duration::from_millis(100)).await;
    process.end_reason()
}

/// Reads an answer of the browser into a type.
pub(super) fn parse_answer<T: DeserializeOwned>(value: Value) -> Result<T, BrowserError> {
    serde_json::from_value(value)
        .map_err(|error| BrowserError::Refused(format!("its answer cannot be read: {error}")))
}

/// Returns the size of the window as the protocol takes it.
pub(super) fn device_metrics(viewport: ViewportSize) -> Value {
    let ViewportSize { width, height } = viewport;
    json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 })
}

/// Takes hold of the one page; returns the session with it, and its id.
async fn attach_to_page(
    connection: &CdpConnection,
    viewport: ViewportSize,
) -> Result<(String, String), BrowserError> {
    let what = "starting the browser";
    let call = async |session: Option<&str>, method: &str, params: Value| {
        let called = connection.call(session, (method, what), params, START);
        called.await
    };
    let params = json!({ "url": "about:blank" });
    let made = call(None, "Target.createTarget", params).await?;
    let target = string_field(&made, "targetId")?;
    let params = json!({ "targetId": target, "flatten": true });
    let attached = call(None, "Target.attachToTarget", params).await?;
    let session = string_field(&attached, "sessionId")?;
    let own = Some(session.as_str());
    call(own, "Page.enable", json!({})).await?;
    call(
        own,
        "Emulation.setDeviceMetricsOverride",
        device_metrics(viewport),
    )
    .await?;
    let deny = json!({ "behavior": "deny" });
    call(None, "Browser.setDownloadBehavior", deny).await?;
    call(
        None,
        "Target.setDiscoverTargets",
        json!({ "discover": true }),
    )
    .await?;
    Ok((session, target))
}

fn string_field(answer: &Value, field: &str) -> Result<String, BrowserError> {
    let found = answer.get(field).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| BrowserError::Refused(format!("it named no {field}")))
}

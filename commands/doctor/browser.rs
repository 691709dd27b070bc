//! The browser: whether one is there, and starts in a sandbox.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use eklavya::browser::{Browser, BrowserSpec, PreviewNames, Viewport, locate};
use eklavya::config::Config;
use eklavya::domain::egress::Target;
use eklavya::domain::isolation::IsolationKind;
use eklavya::proxy::Previews;
use eklavya::sandbox::User;
use futures_util::future::{BoxFuture, ready};

use super::Check;
use crate::crew;
use crate::invocation::Invocation;

const NAME: &str = "browser";
/// What is lost without one.
const WITHOUT: &str = "QA and UAT work without a browser, and demos have no pictures";

/// No preview is there to be looked at.
#[derive(Debug)]
struct Nothing;

impl Previews for Nothing {
    fn find<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, Option<SocketAddr>> {
        Box::pin(ready(None))
    }
}

impl PreviewNames for Nothing {
    fn reached<'a>(&'a self, _: &'a str, _: SocketAddr) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn known(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(ready(Vec::new()))
    }
}

/// Is there a Chromium, and does it start? It is needed for nothing but what the check says.
pub async fn starts(invocation: &Invocation, config: &Config) -> Check {
    if !config.browser.used {
        return Check::ok(NAME, format!("off (browser.use): {WITHOUT}"));
    }
    let search = match invocation.environment.get("PATH") {
        Ok(search) => std::env::split_paths(search.unwrap_or_default()).collect::<Vec<PathBuf>>(),
        Err(error) => return Check::error(NAME, &error),
    };
    let configured = config.browser.path.as_ref().map(|path| path.as_std_path());
    let program = match locate(configured, &search) {
        Ok(program) => program,
        Err(error) => return Check::warning(NAME, WITHOUT, error.to_string()),
    };
    let found = program.display().to_string();
    if invocation.no_sandbox {
        let detail = format!("{found}, but there is no sandbox for it: {WITHOUT}");
        return Check::warning(NAME, detail, "leave --no-sandbox out");
    }
    match try_out(invocation, config, program).await {
        Ok(()) => Check::ok(NAME, format!("{found} starts in a sandbox")),
        Err(reason) => Check::warning(NAME, format!("{found} does not start: {WITHOUT}"), reason),
    }
}

async fn try_out(invocation: &Invocation, config: &Config, program: PathBuf) -> Result<(), String> {
    let id = config.sandbox.uid_base.saturating_add(1);
    let user = User { uid: id, gid: id };
    let bubblewrap = Some(IsolationKind::Bubblewrap);
    let sandbox = crew::sandbox(invocation, bubblewrap, user).await;
    let sandbox = sandbox.map_err(|_| "the sandbox must be usable first".to_owned())?;
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let spec = BrowserSpec {
        program,
        root: place.path().join("browser"),
        note: place.path().join("process"),
        user: sandbox.becomes(Some(user)),
        tmp_bytes: config.sandbox.tmp_bytes,
        disk_bytes: config.sandbox.disk_bytes,
        memory_bytes: config.browser.memory_mib << 20,
        names: Arc::new(Nothing),
        viewport: Viewport::default(),
    };
    let browser = Browser::start(&sandbox, spec).await;
    let browser = browser.map_err(|error| error.to_string())?;
    browser.end().await.map_err(|error| error.to_string())
}

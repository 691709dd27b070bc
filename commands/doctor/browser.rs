//! The browser: whether one is there, starts in a sandbox, and opens previews alone.

use std::path::PathBuf;

use eklavya_config::Config;
use eklavya_core::domain::isolation::IsolationKind;
use eklavya_engine::examine::{BrowserFault, try_browser};
use eklavya_sandbox::User;
use eklavya_sandbox::browser::locate;

use super::{Check, home};
use crate::crew;
use crate::invocation::Invocation;

const NAME: &str = "browser";
/// What is lost without one.
const WITHOUT: &str = "QA and UAT work without a browser, and demos have no pictures";

/// Is there a Chromium, and does it start? It is needed for nothing but what the check says. It is
/// tried once, for all roles that have one.
pub async fn works(invocation: &Invocation, config: &Config) -> Check {
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
        Ok(()) => {
            let detail = format!("{found} starts in a sandbox, and opens previews alone");
            Check::ok(NAME, detail)
        }
        Err(Fault::Hole(hole)) => {
            let fix = "set browser.use to off until this holds, and report it";
            Check::failed(NAME, format!("{found}: {hole}"), fix)
        }
        Err(Fault::Unusable(reason)) => {
            Check::warning(NAME, format!("{found} does not start: {WITHOUT}"), reason)
        }
    }
}

enum Fault {
    /// It opens what it may not.
    Hole(String),
    /// It cannot be used.
    Unusable(String),
}

async fn try_out(invocation: &Invocation, config: &Config, program: PathBuf) -> Result<(), Fault> {
    let id = config.sandbox.uid_base.saturating_add(1);
    let user = User { uid: id, gid: id };
    let bubblewrap = Some(IsolationKind::Bubblewrap);
    let sandbox = crew::sandbox(invocation, bubblewrap, user).await;
    let unusable = |_| Fault::Unusable("the sandbox must be usable first".to_owned());
    let sandbox = sandbox.map_err(unusable)?;
    let tried = try_browser(&sandbox, config, user, program, &home::place(config)).await;
    tried.map_err(|fault| match fault {
        BrowserFault::Hole(_) => Fault::Hole(fault.to_string()),
        BrowserFault::Broken(_) | BrowserFault::Prepare(_) | BrowserFault::Blind(_) => {
            Fault::Unusable(fault.to_string())
        }
    })
}

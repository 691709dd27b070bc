//! The browser: whether one exists, starts in a sandbox, and opens only previews.

use std::path::PathBuf;

use eklavya_config::Config;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_engine::selftest::{BrowserSelftestError, run_browser_selftest};
use eklavya_sandbox::SandboxUser;
use eklavya_sandbox::browser::locate_browser;

use super::DoctorCheck;
use crate::doctor::storage;
use crate::invocation::CommandInvocation;
use crate::stage::run_factory;

const NAME: &str = "browser";
/// The consequence of a missing browser.
const WITHOUT: &str = "QA and UAT work without a browser, and demos have no screenshots";

/// Checks for a Chromium that starts. The browser is optional, so a missing one is only a warning. One
/// check covers all roles with a browser.
pub async fn check_browser(invocation: &CommandInvocation, config: &Config) -> DoctorCheck {
    if !config.browser.enabled {
        return DoctorCheck::ok(NAME, format!("off (browser.use): {WITHOUT}"));
    }
    let search = match invocation.environment.get("PATH") {
        Ok(search) => std::env::split_paths(search.unwrap_or_default()).collect::<Vec<PathBuf>>(),
        Err(error) => return DoctorCheck::failed_with_error(NAME, &error),
    };
    let configured = config.browser.path.as_ref().map(|path| path.as_std_path());
    let program = match locate_browser(configured, &search) {
        Ok(program) => program,
        Err(error) => return DoctorCheck::warning(NAME, WITHOUT, error.to_string()),
    };
    let found = program.display().to_string();
    if invocation.no_sandbox {
        let detail = format!("{found}, but it needs a sandbox: {WITHOUT}");
        return DoctorCheck::warning(NAME, detail, "run without --no-sandbox");
    }
    match launch_browser(invocation, config, program).await {
        Ok(()) => {
            let detail = format!("{found} starts in a sandbox and opens only previews");
            DoctorCheck::ok(NAME, detail)
        }
        Err(BrowserCheckError::NotContained(hole)) => {
            let fix = "set browser.use to off, and report this as a bug";
            DoctorCheck::failed(NAME, format!("{found}: {hole}"), fix)
        }
        Err(BrowserCheckError::Unusable(reason)) => {
            DoctorCheck::warning(NAME, format!("{found} does not start: {WITHOUT}"), reason)
        }
    }
}

enum BrowserCheckError {
    /// The browser opened a forbidden address.
    NotContained(String),
    Unusable(String),
}

async fn launch_browser(
    invocation: &CommandInvocation,
    config: &Config,
    program: PathBuf,
) -> Result<(), BrowserCheckError> {
    let id = config.sandbox.uid_base.saturating_add(1);
    let user = SandboxUser { uid: id, gid: id };
    let bubblewrap = Some(IsolationKind::Bubblewrap);
    let sandbox = run_factory::open_sandbox(invocation, bubblewrap, user).await;
    let unusable = |_| BrowserCheckError::Unusable("the sandbox must be usable first".to_owned());
    let sandbox = sandbox.map_err(unusable)?;
    let tested = run_browser_selftest(
        &sandbox,
        config,
        user,
        program,
        &storage::probe_directory(config),
    )
    .await;
    tested.map_err(|fault| match fault {
        BrowserSelftestError::ForbiddenReached(_) => {
            BrowserCheckError::NotContained(fault.to_string())
        }
        BrowserSelftestError::Browser(_)
        | BrowserSelftestError::Prepare(_)
        | BrowserSelftestError::PageNotShown(_) => BrowserCheckError::Unusable(fault.to_string()),
    })
}

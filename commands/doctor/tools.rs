//! The programs that the work is done with.

use std::ffi::OsStr;
use std::path::PathBuf;

use eklavya::claude::locate::locate;
use eklavya::config::{Config, Environment};
use eklavya::sandbox::{Demands, Isolation, Sandbox, User};
use eklavya::vcs::Git;

use super::Check;
use crate::invocation::Invocation;

/// Is there a git that can merge without a work tree?
pub async fn git() -> Check {
    match Git::locate().await {
        Ok(git) => Check::ok(
            "git",
            format!("{} at {}", git.version(), git.program().display()),
        ),
        Err(error) => Check::error("git", &error),
    }
}

/// Is there a Claude Code CLI of a version that is supported?
pub async fn claude(config: &Config, environment: &Environment) -> Check {
    const NAME: &str = "claude";
    let search = match environment.get("PATH") {
        Ok(search) => std::env::split_paths(search.unwrap_or_default()).collect::<Vec<PathBuf>>(),
        Err(error) => return Check::error(NAME, &error),
    };
    let configured = config.claude_path.as_ref().map(|path| path.as_std_path());
    match locate(configured, &search).await {
        Ok(cli) => Check::ok(
            NAME,
            format!("{} at {}", cli.version, cli.program.display()),
        ),
        Err(error) => Check::error(NAME, &error),
    }
}

/// Can agents be held in a sandbox?
pub async fn sandbox(invocation: &Invocation, config: &Config) -> Check {
    const NAME: &str = "sandbox";
    if invocation.no_sandbox {
        let detail = "off (--no-sandbox): agents can read and change everything that you can";
        return Check::warning(NAME, detail, "leave --no-sandbox out");
    }
    let probed = match (invocation.environment.get("PATH"), std::env::current_exe()) {
        (Ok(search), Ok(exe)) => {
            let id = config.sandbox.uid_base.saturating_add(1);
            let user = User { uid: id, gid: id };
            let search = OsStr::new(search.unwrap_or_default());
            let demands = Demands {
                landlock: config.sandbox.landlock,
            };
            Sandbox::probe(search, exe, Some(user), demands).await
        }
        (Err(error), _) => return Check::error(NAME, &error),
        (_, Err(error)) => {
            return Check::error(NAME, &format!("cannot find eklavya itself: {error}"));
        }
    };
    match probed.as_ref().map(Sandbox::isolation) {
        Ok(Isolation::Bubblewrap { path }) => {
            Check::ok(NAME, format!("bubblewrap at {}", path.display()))
        }
        Ok(Isolation::None) => Check::ok(NAME, "none"),
        Err(error) => Check::error(NAME, &error),
    }
}

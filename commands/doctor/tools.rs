//! The programs that the work is done with.

use std::path::PathBuf;

use eklavya_claude::locate::locate;
use eklavya_config::{Config, Environment};
use eklavya_git::Git;

use super::Check;

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

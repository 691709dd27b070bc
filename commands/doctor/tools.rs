//! The external programs: git and the Claude Code CLI.

use std::path::PathBuf;

use eklavya_claude::cli::locate::locate_cli;
use eklavya_config::{Config, ProcessEnvironment};
use eklavya_git::GitProgram;

use super::DoctorCheck;

/// Checks for a git that can merge without a work tree.
pub async fn check_git() -> DoctorCheck {
    match GitProgram::locate().await {
        Ok(git) => DoctorCheck::ok(
            "git",
            format!("{} at {}", git.version(), git.program().display()),
        ),
        Err(error) => DoctorCheck::failed_with_error("git", &error),
    }
}

/// Checks for a supported version of the Claude Code CLI.
pub async fn check_claude(config: &Config, environment: &ProcessEnvironment) -> DoctorCheck {
    const NAME: &str = "claude";
    let search = match environment.get("PATH") {
        Ok(search) => std::env::split_paths(search.unwrap_or_default()).collect::<Vec<PathBuf>>(),
        Err(error) => return DoctorCheck::failed_with_error(NAME, &error),
    };
    let configured = config.claude_path.as_ref().map(|path| path.as_std_path());
    match locate_cli(configured, &search).await {
        Ok(cli) => DoctorCheck::ok(
            NAME,
            format!("{} at {}", cli.version, cli.program.display()),
        ),
        Err(error) => DoctorCheck::failed_with_error(NAME, &error),
    }
}

//! The real CLI for tests.

use std::path::PathBuf;

/// Returns the installed CLI. Tests that need it fail if it is missing, since a skipped test proves
/// nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment tells tests where the CLI is"
)]
pub(crate) fn find_installed_cli() -> PathBuf {
    if let Some(path) = std::env::var_os("EKLAVYA_CLAUDE_PATH") {
        return PathBuf::from(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("claude"))
        .find(|candidate| candidate.is_file())
        .expect(
            "this test needs the Claude Code CLI: put `claude` on PATH or set EKLAVYA_CLAUDE_PATH",
        )
}

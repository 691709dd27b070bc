//! The real CLI that the tests run.

use std::path::PathBuf;

/// Returns the installed CLI; the tests that need it fail without, since a skipped test shows
/// nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where it is"
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

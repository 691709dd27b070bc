//! The real Claude Code CLI that the tests run.

use std::path::PathBuf;

/// Returns the CLI: the one that `EKLAVYA_CLAUDE_PATH` names, or else the one on PATH.
///
/// # Panics
/// There is none: such a test fails, it is never left out.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where it is"
)]
pub fn claude_program() -> PathBuf {
    let named = std::env::var_os("EKLAVYA_CLAUDE_PATH").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .map(|directory| directory.join("claude"))
            .find(|file| file.is_file())
    };
    named.or_else(on_path).expect(
        "this test needs the Claude Code CLI: scripts/test installs it; or put `claude` on PATH \
         or its path into EKLAVYA_CLAUDE_PATH",
    )
}

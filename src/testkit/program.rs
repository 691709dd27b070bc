//! The programs that tests run, and where a build puts its files.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Variables with the path of `eklavya`: a test's own copy, then what cargo and nextest set for the
/// tests and benches of the package that owns the program.
const PROGRAM_VARIABLES: [&str; 3] = [
    "EKLAVYA_TEST_PROGRAM",
    "CARGO_BIN_EXE_eklavya",
    "NEXTEST_BIN_EXE_eklavya",
];

static EKLAVYA_PROGRAM: LazyLock<PathBuf> = LazyLock::new(find_eklavya);

/// Returns the built `eklavya`.
///
/// The path is read at run time, because cargo sets `CARGO_BIN_EXE_eklavya` at compile time only
/// for the package that owns the program. Only integration tests and benches of that package may
/// call this: cargo builds the program before it runs them.
pub fn eklavya_program() -> PathBuf {
    EKLAVYA_PROGRAM.clone()
}

fn find_eklavya() -> PathBuf {
    let named = PROGRAM_VARIABLES
        .iter()
        .find_map(|name| path_variable(name));
    let beside_tests = || profile_directory().map(|directory| directory.join("eklavya"));
    let program = named.or_else(beside_tests).unwrap_or_default();
    assert!(
        program.is_file(),
        "`{}` is not a file: build it with `cargo build`, or set EKLAVYA_TEST_PROGRAM",
        program.display()
    );
    program
}

/// Returns the directory in which files can be kept between test runs: `target/tmp`, as in
/// `CARGO_TARGET_TMPDIR`, which cargo does not set for libraries.
pub fn target_tmpdir() -> Option<PathBuf> {
    let profile = profile_directory()?;
    Some(profile.parent()?.join("tmp"))
}

/// Returns the directory of the build profile, e.g. `target/debug`: cargo puts test programs into
/// its `deps`.
fn profile_directory() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let deps = test.ancestors().find(|path| path.ends_with("deps"))?;
    deps.parent().map(Path::to_owned)
}

/// Returns the real Claude Code CLI: the program that `EKLAVYA_CLAUDE_PATH` names, or else `claude`
/// on PATH.
///
/// # Panics
/// If no CLI is found: the test fails, it is never skipped.
pub fn claude_program() -> PathBuf {
    let path = path_variable("PATH").unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .map(|directory| directory.join("claude"))
            .find(|file| file.is_file())
    };
    path_variable("EKLAVYA_CLAUDE_PATH").or_else(on_path).expect(
        "this test needs the Claude Code CLI: scripts/test installs it; or put `claude` on PATH \
         or its path into EKLAVYA_CLAUDE_PATH",
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment of the tests names the programs"
)]
fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

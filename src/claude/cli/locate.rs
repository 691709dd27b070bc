//! Locates the Claude Code CLI.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eklavya_core::process::{self, ProcessLimits};

/// The version that the installer pins, and that is tested.
pub const PINNED_VERSION: CliVersion = CliVersion {
    major: 2,
    minor: 1,
    patch: 330,
};
/// The oldest supported version: `--restricted` and the control messages of the driver are the same
/// from it to the pinned version.
pub const OLDEST_SUPPORTED_VERSION: CliVersion = CliVersion {
    major: 2,
    minor: 1,
    patch: 300,
};
/// The first unsupported version: a new major version may change every flag.
pub const FIRST_UNSUPPORTED_VERSION: CliVersion = CliVersion {
    major: 3,
    minor: 0,
    patch: 0,
};

/// The CLI's name on a `PATH`.
const PROGRAM_NAME: &str = "claude";
const VERSION_LIMITS: ProcessLimits = ProcessLimits {
    timeout: Duration::from_secs(20),
    output_bytes: 4 * 1024,
};

/// A version of the CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CliVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl fmt::Display for CliVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl CliVersion {
    /// Parses the output of `claude --version`, e.g. `2.1.330 (Claude Code)`.
    pub fn parse(output: &str) -> Option<Self> {
        let number = output.split_whitespace().next()?.split(['-', '+']).next()?;
        let mut parts = number.split('.').map(|part| part.parse().ok());
        let version = Self {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
        };
        parts.next().is_none().then_some(version)
    }

    pub(crate) fn is_supported(self) -> bool {
        OLDEST_SUPPORTED_VERSION <= self && self < FIRST_UNSUPPORTED_VERSION
    }
}

/// The CLI to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeCli {
    /// The native executable, with all symbolic links resolved: a sandbox must mount this file.
    pub program: PathBuf,
    pub version: CliVersion,
}

/// Why no usable CLI was found. Each message names the command that installs it.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    #[error("the Claude Code CLI is missing: {place}; {}", install_hint())]
    Missing {
        /// Where it was searched.
        place: String,
    },
    #[error("{} is Claude Code {version}, but {OLDEST_SUPPORTED_VERSION} or newer below {FIRST_UNSUPPORTED_VERSION} is needed; {}", program.display(), install_hint())]
    WrongVersion {
        program: PathBuf,
        version: CliVersion,
    },
    #[error("{} cannot be used as the Claude Code CLI: {reason}; {}", program.display(), install_hint())]
    NotRunnable { program: PathBuf, reason: String },
}

fn install_hint() -> String {
    format!("install it with: npm install -g @anthropic-ai/claude-code@{PINNED_VERSION}")
}

/// Returns the CLI at `configured`, or else the first usable one in the directories of
/// `search_path` (the entries of `PATH`, in order).
///
/// If a configured path is not usable, no other is tried. On the search path, unusable ones are
/// skipped; if none is usable, the error is about the first.
pub async fn locate_cli(
    configured: Option<&Path>,
    search_path: &[PathBuf],
) -> Result<ClaudeCli, LocateError> {
    if let Some(path) = configured {
        if !path.exists() {
            let place = format!("{} does not exist", path.display());
            return Err(LocateError::Missing { place });
        }
        return inspect_candidate(path).await;
    }
    search_cli(search_path).await
}

async fn search_cli(search_path: &[PathBuf]) -> Result<ClaudeCli, LocateError> {
    let mut first_problem = None;
    for directory in search_path {
        let candidate = directory.join(PROGRAM_NAME);
        if !is_executable(&candidate) {
            continue;
        }
        match inspect_candidate(&candidate).await {
            Ok(found) => return Ok(found),
            Err(problem) => first_problem = first_problem.or(Some(problem)),
        }
    }
    Err(first_problem.unwrap_or_else(|| LocateError::Missing {
        place: format!("no directory in PATH contains {PROGRAM_NAME}"),
    }))
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

async fn inspect_candidate(path: &Path) -> Result<ClaudeCli, LocateError> {
    let not_runnable = |reason: String| LocateError::NotRunnable {
        program: path.to_owned(),
        reason,
    };
    let program = path
        .canonicalize()
        .map_err(|error| not_runnable(error.to_string()))?;
    require_native(&program).map_err(not_runnable)?;
    let version = query_version(&program).await.map_err(not_runnable)?;
    if version.is_supported() {
        Ok(ClaudeCli { program, version })
    } else {
        Err(LocateError::WrongVersion { program, version })
    }
}

// A script would need its interpreter inside the sandbox, and the packages do not install one.
fn require_native(program: &Path) -> Result<(), String> {
    let mut magic = [0; 4];
    let read = File::open(program).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if &magic == b"\x7fELF" => Ok(()),
        Ok(()) => Err("it is not a native Linux executable".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn query_version(program: &Path) -> Result<CliVersion, String> {
    let mut command = process::new_command(program);
    command.arg("--version");
    // The home does not exist, so that the version check neither reads nor writes files there.
    command
        .env("HOME", "/nonexistent")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let finished = process::run(command, b"", VERSION_LIMITS)
        .await
        .map_err(|e| e.to_string())?;
    if !finished.status.success() {
        let complaint = String::from_utf8_lossy(&finished.stderr);
        let complaint = crate::transcript::escape_unprintable(complaint.trim());
        let status = finished.status;
        return Err(format!("claude --version failed ({status}): {complaint}"));
    }
    let output = String::from_utf8_lossy(&finished.stdout);
    CliVersion::parse(&output).ok_or_else(|| {
        let printed = output.trim();
        format!("claude --version printed {printed:?}, which is not a version")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::cli::installed_cli::find_installed_cli;

    #[test]
    fn reads_the_version() {
        assert_eq!(
            CliVersion::parse("2.1.330 (Claude Code)\n"),
            Some(PINNED_VERSION)
        );
        assert_eq!(
            CliVersion::parse("2.1.331-beta.2 (Claude Code)").map(|v| v.patch),
            Some(331)
        );
        for odd in [
            "", "claude", "2.1", "2.1.x", "2.1.3.4", "v2.1.330", "-1.2.3",
        ] {
            assert_eq!(CliVersion::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn recognizes_the_supported_versions() {
        let version = |text| CliVersion::parse(text).unwrap();
        assert!(PINNED_VERSION.is_supported() && OLDEST_SUPPORTED_VERSION.is_supported());
        assert!(version("2.9.0").is_supported());
        for other in ["2.1.299", "1.9.999", "3.0.0"] {
            assert!(!version(other).is_supported(), "{other}");
        }
    }

    #[tokio::test]
    async fn finds_the_installed_cli_behind_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, bin) = (dir.path().join("empty"), dir.path().join("bin"));
        fs::create_dir_all(&empty).unwrap();
        fs::create_dir_all(&bin).unwrap();
        symlink(find_installed_cli(), bin.join("claude")).unwrap();
        let search = [empty, bin.clone()];
        let found = locate_cli(None, &search).await.unwrap();
        assert_eq!(found.program, find_installed_cli().canonicalize().unwrap());
        assert!(found.version.is_supported());
        assert_eq!(
            locate_cli(Some(&bin.join("claude")), &[]).await.unwrap(),
            found
        );
    }

    #[tokio::test]
    async fn a_broken_cli_is_skipped_on_the_path_but_not_if_configured() {
        let dir = tempfile::tempdir().unwrap();
        let (broken, good) = (dir.path().join("broken"), dir.path().join("good"));
        for place in [&broken, &good] {
            fs::create_dir_all(place).unwrap();
        }
        let script = broken.join("claude");
        fs::write(&script, "#!/bin/sh\necho 2.1.330\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(find_installed_cli(), good.join("claude")).unwrap();
        assert!(locate_cli(None, &[broken.clone(), good]).await.is_ok());
        let error = locate_cli(None, &[broken]).await.unwrap_err().to_string();
        assert!(error.contains("not a native Linux executable"), "{error}");
        let error = locate_cli(Some(&script), &[]).await.unwrap_err();
        assert!(matches!(error, LocateError::NotRunnable { .. }), "{error}");
    }

    #[tokio::test]
    async fn every_error_names_the_install_command() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("claude");
        fs::write(&text, "hi").unwrap();
        let wrong = LocateError::WrongVersion {
            program: "/usr/bin/claude".into(),
            version: CliVersion {
                major: 1,
                minor: 0,
                patch: 9,
            },
        };
        let errors = [
            locate_cli(None, &[]).await.unwrap_err(),
            locate_cli(Some(Path::new("/nonexistent/claude")), &[])
                .await
                .unwrap_err(),
            locate_cli(Some(&text), &[]).await.unwrap_err(),
            locate_cli(Some(Path::new("/bin/true")), &[])
                .await
                .unwrap_err(),
            locate_cli(Some(Path::new("/bin/false")), &[])
                .await
                .unwrap_err(),
            wrong,
        ];
        for error in errors {
            let message = error.to_string();
            let command = "npm install -g @anthropic-ai/claude-code@2.1.330";
            assert!(message.ends_with(command), "{message}");
        }
    }
}

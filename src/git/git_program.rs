//! The git executable and its environment.

use std::path::{Path, PathBuf};

use eklavya_core::process::{self, SEARCH_DIRECTORIES, SEARCH_PATH};

use super::error::GitError;
use crate::git_command::GitCommand;

/// The first version with `git merge-tree --write-tree`.
const MIN_VERSION: (u32, u32) = (2, 38);

/// Git's whole environment: no outside configuration, no prompts, no transport but files, no
/// replace objects, a fixed locale.
const ENVIRONMENT: [(&str, &str); 15] = [
    ("PATH", SEARCH_PATH),
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
    ("TZ", "UTC"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "file"),
    ("GIT_ADVICE", "0"),
    ("GIT_EDITOR", "false"),
];

/// Settings that override configuration files.
const SETTINGS: [&str; 9] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
];

/// A git executable of a supported version.
#[derive(Debug, Clone)]
pub struct GitProgram {
    program: PathBuf,
    version: String,
}

impl GitProgram {
    /// Returns the first git in `/usr/local/bin`, `/usr/bin` and `/bin` that is 2.38 or later.
    pub async fn locate() -> Result<Self, GitError> {
        let mut reason = GitError::GitMissing {
            searched: SEARCH_DIRECTORIES.join(", "),
        };
        for program in SEARCH_DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join("git"))
        {
            if program.is_file() {
                match Self::at(&program).await {
                    Ok(git) => return Ok(git),
                    Err(why) => reason = why,
                }
            }
        }
        Err(reason)
    }

    /// Returns the git at `program`; an error if it is missing or older than 2.38.
    pub async fn at(program: &Path) -> Result<Self, GitError> {
        let git = Self {
            program: program.to_owned(),
            version: String::new(),
        };
        let printed = git.command(Path::new("/"), "version").text().await?;
        let version = printed.trim_start_matches("git version ").to_owned();
        if is_new_enough(&version) {
            Ok(Self { version, ..git })
        } else {
            Err(GitError::GitTooOld {
                program: git.program,
                found: version,
            })
        }
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the version, such as `2.39.5`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the git subcommand `what`, with `place` as its working directory.
    pub(crate) fn command(&self, place: &Path, what: &str) -> GitCommand {
        let mut command = process::new_command(&self.program);
        command.envs(ENVIRONMENT).current_dir(place);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Eklavya");
            command.env(format!("GIT_{who}_EMAIL"), "eklavya@localhost");
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.arg(what);
        GitCommand::new(command, what, place)
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= MIN_VERSION,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{GitError, GitProgram, is_new_enough};
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn the_git_of_this_machine_is_found() {
        let git = GitProgram::locate().await.unwrap();
        assert!(is_new_enough(git.version()), "{git:?}");
    }

    #[tokio::test]
    async fn an_old_git_is_refused_with_its_version() {
        let place = tempfile::tempdir().unwrap();
        let old = place.path().join("git");
        std::fs::write(&old, "#!/bin/sh\necho git version 2.37.4\n").unwrap();
        std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = GitProgram::at(&old).await.unwrap_err();
        assert!(matches!(error, GitError::GitTooOld { .. }), "{error}");
        assert!(error.to_string().contains("2.37.4"));
    }

    #[test]
    fn versions_are_compared_by_number() {
        for (version, enough) in [
            ("2.38.0", true),
            ("2.39.5 (Apple Git-154)", true),
            ("3.0", true),
            ("2.9.9", false),
            ("x", false),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}

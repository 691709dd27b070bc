//! Checking at the start that sandboxes work on this machine. The errors state how to fix them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::docker::{DockerBackend, DockerSettings};
use crate::error::SandboxError;
use crate::inside::landlock_rules;
use crate::launch::host_programs::HostPrograms;
use crate::launch::relay;
use crate::run::sandbox::{IsolationBackend, Sandbox};
use crate::spec::KernelRequirements;
use crate::user::{self, SandboxUser};
use eklavya_core::process::{self, ProcessError, ProcessLimits, ProcessOutput};

/// The oldest version with `--disable-userns` and `--bind-fd`.
const NEEDED: &str = "0.8.0";

const LIMITS: ProcessLimits = ProcessLimits {
    timeout: Duration::from_secs(20),
    output_bytes: 4096,
};

impl Sandbox {
    /// Returns the sandbox of this machine by bubblewrap, after a test run.
    ///
    /// `search` is the value of PATH, `exe` the `eklavya` program, and `user` the user that root
    /// switches to.
    ///
    /// # Errors
    /// bubblewrap is missing, too old or not permitted, or the kernel does not meet `requirements`.
    pub async fn probe_bubblewrap(
        search: &OsStr,
        exe: PathBuf,
        user: Option<SandboxUser>,
        requirements: KernelRequirements,
    ) -> Result<Self, SandboxError> {
        let path = find_program("bwrap", search).ok_or(SandboxError::NotInstalled)?;
        let user = match (user::is_root(), user) {
            (false, _) => None,
            (true, Some(user)) => Some(user),
            (true, None) => {
                check_version(&path).await?;
                return Err(SandboxError::RootWithoutUser);
            }
        };
        let (version, test_run) =
            tokio::join!(check_version(&path), run_test_sandbox(&path, &exe, user));
        // An old version fails the test run too, but with an error that does not help.
        version?;
        test_run?;
        let landlock = check_landlock(landlock_rules::detect_level(), requirements)?;
        Ok(Self::new(
            IsolationBackend::Bubblewrap { path },
            HostPrograms::new(exe, find_git(search)),
            landlock,
            requirements,
        ))
    }

    /// Returns the sandbox of this machine by Docker. `exe` is the `eklavya` program, and `user` the
    /// user that root switches to.
    ///
    /// # Errors
    /// The engine does not answer, an image is missing or of another version, or the kernel does not
    /// meet `requirements`.
    pub async fn probe_docker(
        settings: DockerSettings,
        exe: PathBuf,
        user: Option<SandboxUser>,
        requirements: KernelRequirements,
    ) -> Result<Self, SandboxError> {
        if user::is_root() && user.is_none() {
            return Err(SandboxError::RootWithoutUser);
        }
        let docker = DockerBackend::probe(settings).await?;
        // The engine's socket is on this host, so containers run on the same kernel.
        let landlock = check_landlock(landlock_rules::detect_level(), requirements)?;
        Ok(Self::new(
            IsolationBackend::Docker(Box::new(docker)),
            HostPrograms::new(exe, None),
            landlock,
            requirements,
        ))
    }
}

fn check_landlock(level: u32, requirements: KernelRequirements) -> Result<u32, SandboxError> {
    let needed = requirements.landlock;
    match level {
        level if level >= needed => Ok(level),
        0 => Err(SandboxError::NoLandlock { needed }),
        level => Err(SandboxError::OldLandlock { level, needed }),
    }
}

/// Returns the first program called `name` in `search`.
fn find_program(name: &str, search: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(search)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|path| {
            path.metadata()
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

async fn check_version(path: &Path) -> Result<(), SandboxError> {
    let mut command = process::new_command(path);
    command.arg("--version");
    let finished = process::run(command, b"", LIMITS)
        .await
        .map_err(|error| trial_error(&error))?;
    // "bubblewrap 0.8.0"
    let text = String::from_utf8_lossy(&finished.stdout);
    let version = text.split_whitespace().last().unwrap_or("unknown");
    if parse_version(version) >= parse_version(NEEDED) {
        return Ok(());
    }
    Err(SandboxError::TooOld {
        path: path.to_owned(),
        version: version.to_owned(),
        needed: NEEDED,
    })
}

fn parse_version(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

fn find_git(search: &OsStr) -> Option<PathBuf> {
    let system = PathBuf::from("/usr/bin/git");
    if system.exists() {
        return Some(system);
    }
    find_program("git", search)
}

/// The arguments of bubblewrap for the test run.
const TEST_RUN: [&str; 16] = [
    "--unshare-user",
    "--unshare-all",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--",
    "true",
];

/// Runs `true` in the namespaces of a real sandbox, at the end of the same chain of programs.
async fn run_test_sandbox(
    bwrap: &Path,
    exe: &Path,
    user: Option<SandboxUser>,
) -> Result<(), SandboxError> {
    let mut command = process::new_command(exe);
    command
        .args(relay::arguments(user, &[], bwrap))
        .args(TEST_RUN)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    let finished = process::run(command, b"", LIMITS)
        .await
        .map_err(|error| trial_error(&error))?;
    if finished.status.success() {
        return Ok(());
    }
    Err(diagnose(&finished))
}

fn trial_error(error: &ProcessError) -> SandboxError {
    SandboxError::ProbeFailed {
        output: error.to_string(),
    }
}

fn diagnose(finished: &ProcessOutput) -> SandboxError {
    let output = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
    let setting = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let settings = UserNamespaceSettings {
        debian: setting("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor: setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        max_namespaces: setting("/proc/sys/user/max_user_namespaces"),
    };
    settings.explain(output)
}

/// The kernel settings of user namespaces; empty if the kernel has no setting of that name.
struct UserNamespaceSettings {
    debian: String,
    apparmor: String,
    max_namespaces: String,
}

impl UserNamespaceSettings {
    fn explain(&self, output: String) -> SandboxError {
        let fix = if self.debian.trim() == "0" {
            "allow them with `sysctl -w kernel.unprivileged_userns_clone=1`"
        } else if self.max_namespaces.trim() == "0" {
            "allow them with `sysctl -w user.max_user_namespaces=15000`"
        } else if self.apparmor.trim() == "1" {
            "allow them with `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
        } else if mentions_namespaces(&output) {
            "in a container, start it with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined` \
             and, as root, `--cap-add SYS_ADMIN`"
        } else {
            return SandboxError::ProbeFailed { output };
        };
        SandboxError::Forbidden { output, fix }
    }
}

fn mentions_namespaces(output: &str) -> bool {
    ["namespace", "uid map", "Can't mount proc", "pivot_root"]
        .iter()
        .any(|phrase| output.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(debian: &str, apparmor: &str, max: &str, output: &str) -> String {
        let settings = UserNamespaceSettings {
            debian: debian.to_owned(),
            apparmor: apparmor.to_owned(),
            max_namespaces: max.to_owned(),
        };
        settings.explain(output.to_owned()).to_string()
    }

    #[test]
    fn each_cause_of_missing_namespaces_names_its_fix() {
        let output = "bwrap: No permissions to create new namespace";
        assert!(explain("0\n", "", "100\n", output).contains("kernel.unprivileged_userns_clone=1"));
        assert!(explain("1\n", "", "0\n", output).contains("user.max_user_namespaces"));
        assert!(
            explain("", "1\n", "100\n", output).contains("apparmor_restrict_unprivileged_userns=0")
        );
        assert!(explain("", "", "100\n", output).contains("seccomp=unconfined"));
        let other = explain("", "", "100\n", "bwrap: out of cheese");
        assert!(other.contains("out of cheese") && !other.contains("sysctl"));
    }

    #[tokio::test]
    async fn the_error_for_a_missing_bubblewrap_names_the_package() {
        let empty = tempfile::tempdir().unwrap();
        let result = Sandbox::probe_bubblewrap(
            empty.path().as_os_str(),
            "/nonexistent".into(),
            None,
            KernelRequirements::default(),
        )
        .await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains("apt-get install bubblewrap"), "{text}");
        assert!(text.contains("--no-sandbox"), "{text}");
    }

    #[tokio::test]
    async fn an_old_bubblewrap_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bwrap");
        std::fs::write(&path, "#!/bin/sh\necho bubblewrap 0.6.1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let result = Sandbox::probe_bubblewrap(
            dir.path().as_os_str(),
            "/nonexistent".into(),
            None,
            KernelRequirements::default(),
        )
        .await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains("0.6.1") && text.contains("0.8.0"), "{text}");
    }

    #[test]
    fn a_kernel_with_too_low_a_landlock_level_is_refused() {
        let requirements = KernelRequirements { landlock: 2 };
        assert_eq!(check_landlock(2, requirements).unwrap(), 2);
        assert_eq!(
            check_landlock(0, KernelRequirements { landlock: 0 }).unwrap(),
            0
        );
        let none = check_landlock(0, requirements).unwrap_err().to_string();
        assert!(
            none.contains("lsm=") && none.contains("sandbox.landlock 0"),
            "{none}"
        );
        let old = check_landlock(1, requirements).unwrap_err().to_string();
        assert!(old.contains("5.19") && old.contains("level 1"), "{old}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_version("0.11.0") > parse_version(NEEDED));
        assert!(parse_version("0.4.1") < parse_version(NEEDED));
        assert!(parse_version("unknown") < parse_version(NEEDED));
    }
}

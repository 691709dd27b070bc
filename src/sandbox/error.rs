//! Errors of sandboxes. Each message states what to do about it.

use std::io;
use std::path::PathBuf;

use crate::docker_error::DockerError;

/// Why something could not be run in a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(
        "bubblewrap (bwrap) was not found in PATH; install it with `apt-get install bubblewrap` \
         (or `dnf install bubblewrap`), or pass --no-sandbox to run agents without protection"
    )]
    NotInstalled,
    /// bubblewrap lacks options that the sandbox is built on.
    #[error(
        "{} is version {version}, but the sandbox requires bubblewrap {needed} or newer; install a newer \
         version, or pass --no-sandbox to run agents without protection", path.display()
    )]
    TooOld {
        path: PathBuf,
        /// The version that the program reports.
        version: String,
        /// The oldest usable version.
        needed: &'static str,
    },
    /// The kernel, the distribution or a container forbids user namespaces.
    #[error(
        "bubblewrap may not create user namespaces here ({output}); {fix}, \
         or pass --no-sandbox to run agents without protection"
    )]
    Forbidden {
        /// What bubblewrap printed.
        output: String,
        /// How to allow them.
        fix: &'static str,
    },
    /// The kernel is built without Landlock, or Landlock was not enabled at boot.
    #[error(
        "the kernel has no Landlock, but level {needed} is required: it restricts agents to their files \
         if a mount fails to; boot Linux 5.19 or newer with `landlock` in its `lsm=` list, \
         or disable this layer: eklavya config set sandbox.landlock 0"
    )]
    NoLandlock {
        /// The lowest accepted level.
        needed: u32,
    },
    /// The kernel supports a lower Landlock level than required.
    #[error(
        "the kernel supports Landlock level {level}, but level {needed} is required; boot {}, \
         or accept the level of this kernel: eklavya config set sandbox.landlock {level}",
        kernel_with_landlock(*needed)
    )]
    OldLandlock {
        /// The level of the kernel.
        level: u32,
        /// The lowest accepted level.
        needed: u32,
    },
    /// A test sandbox failed for an unknown reason.
    #[error("a test sandbox does not work: {output}")]
    ProbeFailed {
        /// What it printed.
        output: String,
    },
    /// As user 0 of a sandbox, a program could still change kernel settings.
    #[error(
        "agents may not run as root; configure an unprivileged user for the sandbox (sandbox.uidBase)"
    )]
    RootWithoutUser,
    #[error("{} is not an absolute path without `..`", path.display())]
    NotAbsolute { path: PathBuf },
    /// A file or directory for the sandbox could not be opened or created.
    #[error("cannot use {} in a sandbox: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// Following the link could lead out of the project.
    #[error(
        "{} is a symbolic link or lies behind one; replace it with a directory: links are not followed", path.display()
    )]
    Link { path: PathBuf },
    #[error(
        "{} is not a directory; move it away so that the directory of the role can be created", path.display()
    )]
    NotADirectory { path: PathBuf },
    /// A file with a second name elsewhere cannot be given to the user of an agent.
    #[error(
        "{} has a hard link elsewhere, and giving it to the agent's user would give away that file too; \
         make the copy without hard links", path.display()
    )]
    HardLinked { path: PathBuf },
    #[error("cannot find the libraries of {}: {reason}", program.display())]
    Libraries { program: PathBuf, reason: String },
    /// Descriptors or arguments could not be prepared for the child.
    #[error("cannot prepare the sandbox: {source}")]
    Prepare { source: io::Error },
    #[error(transparent)]
    Docker(#[from] DockerError),
    #[error("cannot start the sandbox: {source}")]
    Start { source: io::Error },
    /// The sandbox started, but the program inside did not.
    #[error("the sandbox could not be set up: {output}")]
    Setup {
        /// What the sandbox printed to stderr.
        output: String,
    },
    /// Waiting for a running sandbox failed.
    #[error("lost the connection to the sandbox: {source}")]
    Wait { source: io::Error },
}

/// Returns the kernel that introduced a Landlock level (`security/landlock` in its history).
fn kernel_with_landlock(level: u32) -> &'static str {
    match level {
        0 | 1 => "Linux 5.13 or newer",
        2 => "Linux 5.19 or newer",
        3 => "Linux 6.2 or newer",
        4 => "Linux 6.7 or newer",
        5 => "Linux 6.10 or newer",
        6 => "Linux 6.12 or newer",
        7 => "Linux 6.15 or newer",
        _ => "a newer kernel",
    }
}

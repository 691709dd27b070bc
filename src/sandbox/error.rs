//! What can go wrong with a sandbox, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Why something could not be run in a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// There is no `bwrap`.
    #[error(
        "bubblewrap (bwrap) was not found in PATH; install it with `apt-get install bubblewrap` \
         (or `dnf install bubblewrap`), or pass --no-sandbox to run agents without protection"
    )]
    NotInstalled,
    /// It lacks options that the sandbox is built on.
    #[error(
        "{} is version {version}, and the sandbox needs bubblewrap {needed} or newer; install a newer one, \
         or pass --no-sandbox to run agents without protection", path.display()
    )]
    TooOld {
        /// The program found.
        path: PathBuf,
        /// What it says of itself.
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
        /// What bubblewrap said.
        output: String,
        /// What to type.
        fix: &'static str,
    },
    /// The kernel has no Landlock, or it was not switched on at boot.
    #[error(
        "the kernel has no Landlock, and level {needed} is needed: it keeps agents to their files where a mount \
         is not enough; boot Linux 5.19 or newer with `landlock` in its `lsm=` list, \
         or do without this layer: eklavya config set sandbox.landlock 0"
    )]
    NoLandlock {
        /// The least version.
        needed: u32,
    },
    /// The kernel has an older Landlock than was asked for.
    #[error(
        "the kernel has Landlock at level {level}, and level {needed} is needed; boot {}, \
         or accept the kernel's: eklavya config set sandbox.landlock {level}", kernel_with_landlock(*needed)
    )]
    OldLandlock {
        /// The version there is.
        level: u32,
        /// The least version.
        needed: u32,
    },
    /// A trial run failed for a reason that we do not know.
    #[error("a trial sandbox does not work: {output}")]
    Trial {
        /// What was said.
        output: String,
    },
    /// Root must hand over to another user: user 0 of a sandbox could still reach the kernel's
    /// settings.
    #[error(
        "agents may not run as root: an unprivileged user must be given for the sandbox (sandbox.uidBase)"
    )]
    RootWithoutUser,
    /// A path of the caller is not absolute and plain.
    #[error("{} is not an absolute path without `..`", path.display())]
    NotAbsolute {
        /// The path.
        path: PathBuf,
    },
    /// A file or directory for the sandbox could not be opened or made.
    #[error("cannot use {} in a sandbox: {source}", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A symbolic link stands where a directory was expected; following it could leave the project.
    #[error(
        "{} is a symbolic link or lies behind one; replace it by a directory: links are not followed", path.display()
    )]
    Link {
        /// The path.
        path: PathBuf,
    },
    /// A file stands where a directory was expected.
    #[error("{} is not a directory; move it away so that the role's directory can be made", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// A file that has a second name elsewhere cannot be handed to an agent's user.
    #[error(
        "{} has a hard link elsewhere, so handing it to the agent's user would hand over that file too; \
         make the copy without hard links", path.display()
    )]
    HardLinked {
        /// The path.
        path: PathBuf,
    },
    /// The libraries of a program could not be found out.
    #[error("cannot find the libraries of {}: {reason}", program.display())]
    Libraries {
        /// The program.
        program: PathBuf,
        /// What was said.
        reason: String,
    },
    /// Descriptors or arguments could not be handed over.
    #[error("cannot prepare the sandbox: {source}")]
    Prepare {
        /// The reason.
        source: io::Error,
    },
    /// Docker cannot be used.
    #[error(transparent)]
    Docker(#[from] super::docker::DockerError),
    /// The process could not be started.
    #[error("cannot start the sandbox: {source}")]
    Start {
        /// The reason.
        source: io::Error,
    },
    /// It started, but the program inside never did.
    #[error("the sandbox could not be set up: {output}")]
    Setup {
        /// What was said on stderr, empty where the caller reads it.
        output: String,
    },
    /// A running sandbox could not be waited for or listened to.
    #[error("lost touch with the sandbox: {source}")]
    Wait {
        /// The reason.
        source: io::Error,
    },
}

/// Returns the kernel that brought a version of Landlock (`security/landlock` in its history).
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

//! `eklavya sandbox-enter`: what stands in front of bubblewrap, and in its place where there is no
//! sandbox.
//!
//! It is the parent of bubblewrap and kills all of the sandbox when it is told to or its own parent
//! dies ([`super::supervise`]). As root, it first mounts the directories that it was given by
//! descriptor, in a mount namespace of its own, at places that everybody can reach, and becomes the
//! unprivileged user. That user therefore needs no way through the directories above, and user 0
//! never exists inside.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};
use rustix::fs::FileType;
use rustix::mount::{MoveMountFlags, OpenTreeFlags};

use crate::spec::SandboxUser;
use crate::supervision::supervise;
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-enter";

/// Covered by an empty file system for the mounts. It is there on every Linux and holds no program.
const STAGE: &str = "/sys";

/// Stands for "no other user".
const SAME_USER: &str = "-";

/// Returns where what `fd` stands for is mounted.
pub(crate) fn staged_path(fd: RawFd) -> PathBuf {
    Path::new(STAGE).join(fd.to_string())
}

/// Returns the arguments between the owner and the program.
pub(crate) fn arguments(user: Option<SandboxUser>, staged: &[RawFd]) -> [OsString; 2] {
    let fds: Vec<String> = staged.iter().map(ToString::to_string).collect();
    let user = user.map_or_else(
        || SAME_USER.to_owned(),
        |user| format!("{}:{}", user.uid, user.gid),
    );
    [user.into(), fds.join(",").into()]
}

/// Mounts, becomes the user, and runs the program to its end; returns its code.
///
/// # Errors
/// The step that failed, and why; in a container mostly a missing `CAP_SYS_ADMIN`.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, user, fds, program, rest @ ..] = args else {
        return Err("it is for internal use: OWNER USER FDS PROGRAM ARGS".to_owned());
    };
    if user != SAME_USER {
        let (uid, gid) = parse_user(user)?;
        mount_staged(&parse_fds(fds)?)?;
        become_user(Uid::from_raw(uid), Gid::from_raw(gid))
            .map_err(|errno| format!("cannot become user {uid}: {errno}"))?;
    }
    let owner = supervise::parse_number(owner)?;
    supervise::bind_to_owner(owner)?;
    let mut command = process::new_command(program);
    // The environment is handed on, not read.
    command.args(rest).envs(std::env::vars_os());
    command.stdin(Stdio::inherit());
    let status = supervise::build_runtime()?
        .block_on(supervise::run_supervised(|| command.spawn(), Some(owner)))
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    Ok(supervise::exit_code(status))
}

fn parse_user(user: &OsStr) -> Result<(u32, u32), String> {
    let text = user.to_str().unwrap_or_default();
    let (uid, gid) = text.split_once(':').unwrap_or_default();
    match (
        supervise::parse_number(OsStr::new(uid))?,
        supervise::parse_number(OsStr::new(gid))?,
    ) {
        (0, _) | (_, 0) => Err("it does not enter as root".to_owned()),
        ids => Ok(ids),
    }
}

fn parse_fds(list: &OsStr) -> Result<Vec<u32>, String> {
    let list = list.to_str().unwrap_or_default().split(',');
    list.filter(|fd| !fd.is_empty())
        .map(|fd| supervise::parse_number(OsStr::new(fd)))
        .collect()
}

fn mount_staged(fds: &[u32]) -> Result<(), String> {
    let nothing = None::<&str>;
    // Taken before the namespace changes: a descriptor of the old one cannot be mounted in the new
    // one.
    let trees = fds
        .iter()
        .map(|fd| Ok((*fd, clone_mount(*fd)?)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| mount_namespace_error(&error))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| mount_namespace_error(&errno.into()))?;
    // What is mounted from here on must not show up on the host.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(nothing, "/", nothing, flags, nothing)
        .and_then(|()| {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(
                Some("tmpfs"),
                STAGE,
                Some("tmpfs"),
                flags,
                Some("mode=755,size=1m"),
            )
        })
        .map_err(|errno| format!("cannot prepare {STAGE} for mounts: {errno}"))?;
    for (fd, tree) in trees {
        attach_mount(fd, &tree)
            .map_err(|error| format!("cannot mount descriptor {fd}: {error}"))?;
    }
    Ok(())
}

fn mount_namespace_error(error: &io::Error) -> String {
    format!(
        "root may not make a mount namespace here ({error}); run eklavya as an ordinary user, \
         or give its container CAP_SYS_ADMIN"
    )
}

/// Returns a mount, not yet placed anywhere, of what `fd` stands for, and closes `fd`.
fn clone_mount(fd: u32) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = rustix::mount::open_tree(rustix::fs::CWD, format!("/proc/self/fd/{fd}"), flags)?;
    nix::unistd::close(RawFd::try_from(fd).map_err(io::Error::other)?)?;
    Ok(tree)
}

fn attach_mount(fd: u32, tree: &OwnedFd) -> io::Result<()> {
    let target = Path::new(STAGE).join(fd.to_string());
    let kind = FileType::from_raw_mode(rustix::fs::fstat(tree)?.st_mode);
    if kind == FileType::Directory {
        fs::create_dir(&target)?;
    } else {
        File::create(&target)?;
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(tree, "", rustix::fs::CWD, &target, flags)?;
    Ok(())
}

fn become_user(uid: Uid, gid: Gid) -> nix::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)
}

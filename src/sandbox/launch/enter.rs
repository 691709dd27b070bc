//! `eklavya sandbox-enter`: the parent of bubblewrap, or of the program itself with `--no-sandbox`.
//!
//! It kills all of the sandbox on request and when its own parent dies ([`supervise`]). As root, it
//! first mounts the directories that it gets as descriptors, in a mount namespace of its own, at paths
//! that every user can open; then it switches to the unprivileged user. So that user needs no access to
//! the directories above, and user 0 never exists inside.

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

use crate::supervision::supervise;
use crate::user::SandboxUser;
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-enter";

/// The directory that an empty file system covers for the mounts. It exists on every Linux system and
/// contains no program.
const STAGE: &str = "/sys";

/// The argument for "do not switch the user".
const SAME_USER: &str = "-";

/// Returns the path at which the file of `fd` is mounted.
pub(crate) fn staged_path(fd: RawFd) -> PathBuf {
    Path::new(STAGE).join(fd.to_string())
}

/// Returns the arguments that follow the owner and precede the program.
pub(crate) fn arguments(user: Option<SandboxUser>, staged: &[RawFd]) -> [OsString; 2] {
    let fds: Vec<String> = staged.iter().map(ToString::to_string).collect();
    let user = user.map_or_else(
        || SAME_USER.to_owned(),
        |user| format!("{}:{}", user.uid, user.gid),
    );
    [user.into(), fds.join(",").into()]
}

/// Mounts the directories, switches the user, and runs the program to its end. Returns its exit code.
///
/// # Errors
/// The step that failed, and the reason. In a container, it is mostly a missing `CAP_SYS_ADMIN`.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, user, fds, program, rest @ ..] = args else {
        return Err("this command is for internal use: OWNER USER FDS PROGRAM ARGS".to_owned());
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
    // The environment is passed to the program; nothing else reads it.
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
        (0, _) | (_, 0) => Err("the user of a sandbox must not be root".to_owned()),
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
    // Cloned before the namespace changes: a descriptor of the old namespace cannot be mounted in the
    // new one.
    let trees = fds
        .iter()
        .map(|fd| Ok((*fd, clone_mount(*fd)?)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| mount_namespace_error(&error))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| mount_namespace_error(&errno.into()))?;
    // The mounts from here on must not appear on the host.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(nothing, "/", nothing, flags, nothing)
        .and_then(|()| cover_stage())
        .map_err(|errno| format!("cannot prepare {STAGE} for mounts: {errno}"))?;
    for (fd, tree) in trees {
        attach_mount(fd, &tree)
            .map_err(|error| format!("cannot mount descriptor {fd}: {error}"))?;
    }
    Ok(())
}

fn cover_stage() -> nix::Result<()> {
    let (kind, options) = (Some("tmpfs"), Some("mode=755,size=1m"));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(kind, STAGE, kind, flags, options)
}

fn mount_namespace_error(error: &io::Error) -> String {
    format!(
        "root may not create a mount namespace here ({error}); run eklavya as an ordinary user, \
         or give its container CAP_SYS_ADMIN"
    )
}

/// Returns a detached mount of the file of `fd`, and closes `fd`.
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

//! `eklavya sandbox-enter`: what stands in front of bubblewrap.
//!
//! It ties its life to the process that started it, and becomes bubblewrap. As root, it first mounts the
//! directories that it was given by descriptor, in a mount namespace of its own, at places that everybody can
//! reach, and becomes the unprivileged user. That user therefore needs no way through the directories above, and
//! user 0 never exists inside.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};
use rustix::fs::FileType;
use rustix::mount::{MoveMountFlags, OpenTreeFlags};

use super::spec::User;
use crate::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-enter";

/// Covered by an empty file system for the mounts. It is there on every Linux and holds no program.
const STAGE: &str = "/sys";

/// Stands for "no other user".
const SAME_USER: &str = "-";

/// Returns where what `fd` stands for is mounted.
pub(super) fn staged_path(fd: RawFd) -> PathBuf {
    Path::new(STAGE).join(fd.to_string())
}

/// Returns the arguments up to and including the program to become.
pub(super) fn arguments(user: Option<User>, staged: &[RawFd], program: &Path) -> Vec<OsString> {
    let fds: Vec<String> = staged.iter().map(ToString::to_string).collect();
    let user = user.map_or_else(
        || SAME_USER.to_owned(),
        |user| format!("{}:{}", user.uid, user.gid),
    );
    vec![
        NAME.into(),
        std::process::id().to_string().into(),
        user.into(),
        fds.join(",").into(),
        program.into(),
    ]
}

/// Mounts, becomes the user and the program. Returns only if that failed.
///
/// # Errors
/// The step that failed, and why; in a container mostly a missing `CAP_SYS_ADMIN`.
pub fn main(args: &[OsString]) -> Result<std::convert::Infallible, String> {
    let [parent, user, fds, program, rest @ ..] = args else {
        return Err("it is for internal use: PARENT USER FDS PROGRAM ARGS".to_owned());
    };
    if user != SAME_USER {
        let (uid, gid) = ids(user)?;
        stage(&descriptors(fds)?)?;
        become_user(Uid::from_raw(uid), Gid::from_raw(gid))
            .map_err(|errno| format!("cannot become user {uid}: {errno}"))?;
    }
    // Not earlier: becoming another user unties it again.
    tie_to(number(parent)?)?;
    let error = process::command(program)
        .as_std_mut()
        .args(rest)
        .stdin(Stdio::inherit())
        .exec();
    Err(format!("cannot start {}: {error}", program.display()))
}

fn number(text: &OsStr) -> Result<u32, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{} is not a number", text.display()))
}

fn ids(user: &OsStr) -> Result<(u32, u32), String> {
    let text = user.to_str().unwrap_or_default();
    let (uid, gid) = text.split_once(':').unwrap_or_default();
    match (number(OsStr::new(uid))?, number(OsStr::new(gid))?) {
        (0, _) | (_, 0) => Err("it does not enter as root".to_owned()),
        ids => Ok(ids),
    }
}

fn descriptors(list: &OsStr) -> Result<Vec<u32>, String> {
    let list = list.to_str().unwrap_or_default().split(',');
    list.filter(|fd| !fd.is_empty())
        .map(|fd| number(OsStr::new(fd)))
        .collect()
}

/// Makes the kernel kill this process (and with it, thanks to bubblewrap, all inside) when its parent dies.
fn tie_to(parent: u32) -> Result<(), String> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| format!("cannot tie the sandbox to its owner: {errno}"))?;
    // The parent may have died before the line above.
    if std::os::unix::process::parent_id() == parent {
        return Ok(());
    }
    Err("its owner is gone".to_owned())
}

fn stage(fds: &[u32]) -> Result<(), String> {
    let nothing = None::<&str>;
    // Taken before the namespace changes: a descriptor of the old one cannot be mounted in the new one.
    let trees = fds
        .iter()
        .map(|fd| Ok((*fd, tree(*fd)?)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| forbidden(&error))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| forbidden(&errno.into()))?;
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
        place(fd, &tree).map_err(|error| format!("cannot mount descriptor {fd}: {error}"))?;
    }
    Ok(())
}

fn forbidden(error: &io::Error) -> String {
    format!(
        "root may not make a mount namespace here ({error}); run eklavya as an ordinary user, \
         or give its container CAP_SYS_ADMIN"
    )
}

/// Returns a mount, not yet placed anywhere, of what `fd` stands for, and closes `fd`.
fn tree(fd: u32) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = rustix::mount::open_tree(rustix::fs::CWD, format!("/proc/self/fd/{fd}"), flags)?;
    nix::unistd::close(RawFd::try_from(fd).map_err(io::Error::other)?)?;
    Ok(tree)
}

fn place(fd: u32, tree: &OwnedFd) -> io::Result<()> {
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

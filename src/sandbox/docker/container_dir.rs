//! The directory of one container on the host: its link, the files that are made for it, and who
//! answers for it. It lies in the data directory, where no agent can reach it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use uuid::Uuid;

use super::super::error::SandboxError;
use super::super::spec::SandboxUser;
use crate::inside::container::container_link;
use crate::run::orphan;
use crate::workspace_dirs::{self as dirs, chown_socket};
use eklavya_core::process;

/// The file that names the process which answers for the directory.
const OWNER: &str = "owner";
/// The file that names the container's first process on the host.
const FIRST: &str = "first";
/// The directory that is mounted in the container.
const LINK: &str = "link";

/// The directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerDir {
    pub path: PathBuf,
}

impl ContainerDir {
    /// Makes one below `stages` for a sandbox of `user`.
    pub(crate) fn create(stages: &Path, user: SandboxUser) -> Result<Self, SandboxError> {
        let stage = Self {
            path: stages.join(Uuid::new_v4().simple().to_string()),
        };
        stage.populate(user).map_err(|source| SandboxError::Open {
            path: stage.path.clone(),
            source,
        })?;
        Ok(stage)
    }

    fn populate(&self, user: SandboxUser) -> io::Result<()> {
        let SandboxUser { uid, gid } = user;
        let link = self.link_path();
        fs::create_dir_all(&link)?;
        self.write_owner(std::process::id())?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        fs::set_permissions(&link, fs::Permissions::from_mode(0o700))?;
        if dirs::is_root() {
            std::os::unix::fs::chown(&link, Some(uid), Some(gid))?;
        }
        let passwd = format!(
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
             agent:x:{uid}:{gid}:agent:/nonexistent:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        self.write_file(&self.passwd_path(), &passwd)?;
        let group = format!("root:x:0:\nagent:x:{gid}:\nnogroup:x:65534:\n");
        self.write_file(&self.group_path(), &group)
    }

    #[expect(clippy::unused_self, reason = "the files belong to the stage")]
    fn write_file(&self, path: &Path, text: &str) -> io::Result<()> {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644))
    }

    pub(crate) fn link_path(&self) -> PathBuf {
        self.path.join(LINK)
    }

    pub(crate) fn passwd_path(&self) -> PathBuf {
        self.path.join("passwd")
    }

    pub(crate) fn group_path(&self) -> PathBuf {
        self.path.join("group")
    }

    /// Returns the name of its container.
    pub(crate) fn container_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("eklavya-{}", name.display())
    }

    /// Notes which process answers for it.
    pub(crate) fn write_owner(&self, pid: u32) -> io::Result<()> {
        orphan::write_pid_file(&self.path.join(OWNER), pid)
    }

    /// Listens for the container.
    pub(crate) fn listen(&self, user: SandboxUser) -> io::Result<UnixListener> {
        let directory = rustix::fs::open(
            self.link_path(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        // Not by its own path, which may be longer than the name of a socket.
        let short = format!(
            "/proc/self/fd/{}/{}",
            directory.as_raw_fd(),
            container_link::SOCKET
        );
        let listener = UnixListener::bind(short)?;
        let owner = dirs::is_root().then_some(user);
        chown_socket(&self.link_path().join(container_link::SOCKET), owner)
            .map_err(io::Error::other)?;
        Ok(listener)
    }

    /// Takes the socket away: nobody but the first may connect.
    pub(crate) fn remove_socket(&self) -> io::Result<()> {
        fs::remove_file(self.link_path().join(container_link::SOCKET))
    }

    /// Notes the first process of the container.
    pub(crate) fn write_first_process(&self, pid: u32) -> io::Result<()> {
        let start = process::read_start_time(pid).unwrap_or_default();
        fs::write(self.path.join(FIRST), format!("{pid} {start}"))
    }

    /// Removes it.
    pub(crate) fn remove(&self) {
        // What is left of it is removed by the next worker that starts.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns the first process, on this host, of the container that the relay `pid` stands for; nothing
/// where that is no relay, or its container does not run.
pub(crate) fn find_first_process(relay: u32) -> Option<u32> {
    let line = fs::read(format!("/proc/{relay}/cmdline")).ok()?;
    if line.split(|byte| *byte == 0).nth(1)? != super::relay::NAME.as_bytes() {
        return None;
    }
    // A relay works in its stage.
    let stage = fs::read_link(format!("/proc/{relay}/cwd")).ok()?;
    let text = fs::read_to_string(stage.join(FIRST)).ok()?;
    let (pid, start) = text.split_once(' ')?;
    let (pid, start) = (pid.parse().ok()?, start.parse().ok()?);
    process::is_alive(pid, start).then_some(pid)
}

/// Removes the stages below `stages` whose owners on this host are gone.
pub(crate) fn remove_abandoned(stages: &Path) {
    let Ok(entries) = fs::read_dir(stages) else {
        return;
    };
    for entry in entries.flatten() {
        if is_abandoned(&entry.path().join(OWNER)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether the process that a note names is gone. One without a readable note is in the making.
fn is_abandoned(note: &Path) -> bool {
    let text = fs::read_to_string(note).unwrap_or_default();
    let mut words = text.split(' ');
    let host = words.next();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let start = words.next().and_then(|start| start.parse().ok());
    match (pid, start) {
        (Some(pid), Some(start)) => {
            let here = host == Some(process::HostIdentity::current().digest.as_str());
            here && !process::is_alive(pid, start)
        }
        _ => false,
    }
}

/// Returns `path` as a text.
pub(crate) fn path_text(path: impl AsRef<OsStr>) -> Result<String, super::DockerError> {
    let path = path.as_ref();
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| super::DockerError::NotText { path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_goes_when_its_owner_is_gone_and_not_before() {
        let stages = tempfile::tempdir().unwrap();
        let user = SandboxUser {
            uid: 70_001,
            gid: 70_001,
        };
        let stage = ContainerDir::create(stages.path(), user).unwrap();
        remove_abandoned(stages.path());
        assert!(stage.path.exists());
        let host = process::HostIdentity::current().digest;
        fs::write(stage.path.join(OWNER), format!("{host} 1 1")).unwrap();
        remove_abandoned(stages.path());
        assert!(!stage.path.exists());
    }

    #[test]
    fn only_a_relay_has_a_container() {
        assert_eq!(find_first_process(std::process::id()), None);
    }
}

//! The directory of one container on the host: its link, the files that are mounted in it, and its
//! owner process. It is in the data directory, out of the agents' reach.

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

use crate::docker_error::DockerError;
use crate::error::SandboxError;
use crate::inside::container::container_link;
use crate::supervision::pid_file::PidFile;
use crate::user::{self, SandboxUser};
use crate::workspace_dirs::chown_socket;

/// The file that names the owner process of the directory.
const OWNER: &str = "owner";
/// The directory that is mounted in the container.
const LINK: &str = "link";

/// The directory of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerDir {
    pub path: PathBuf,
}

impl ContainerDir {
    /// Creates a directory below `parent` for a sandbox of `user`.
    pub(crate) fn create(parent: &Path, user: SandboxUser) -> Result<Self, SandboxError> {
        let directory = Self {
            path: parent.join(Uuid::new_v4().simple().to_string()),
        };
        directory
            .populate(user)
            .map_err(|source| SandboxError::Open {
                path: directory.path.clone(),
                source,
            })?;
        Ok(directory)
    }

    fn populate(&self, user: SandboxUser) -> io::Result<()> {
        let SandboxUser { uid, gid } = user;
        let link = self.link_path();
        fs::create_dir_all(&link)?;
        self.write_owner(std::process::id())?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        fs::set_permissions(&link, fs::Permissions::from_mode(0o700))?;
        if user::is_root() {
            std::os::unix::fs::chown(&link, Some(uid), Some(gid))?;
        }
        let passwd = format!(
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
             agent:x:{uid}:{gid}:agent:/nonexistent:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        write_readable_file(&self.passwd_path(), &passwd)?;
        let group = format!("root:x:0:\nagent:x:{gid}:\nnogroup:x:65534:\n");
        write_readable_file(&self.group_path(), &group)
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

    pub(crate) fn container_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("eklavya-{}", name.display())
    }

    /// Makes the process `pid` its owner.
    pub(crate) fn write_owner(&self, pid: u32) -> io::Result<()> {
        PidFile::write(&self.path.join(OWNER), pid)
    }

    /// Listens for the connection of the container.
    pub(crate) fn listen(&self, user: SandboxUser) -> io::Result<UnixListener> {
        let directory = rustix::fs::open(
            self.link_path(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        // The full path may be longer than the path of a socket may be.
        let short = format!(
            "/proc/self/fd/{}/{}",
            directory.as_raw_fd(),
            container_link::SOCKET
        );
        let listener = UnixListener::bind(short)?;
        let owner = user::is_root().then_some(user);
        chown_socket(&self.link_path().join(container_link::SOCKET), owner)
            .map_err(io::Error::other)?;
        Ok(listener)
    }

    /// Removes the socket, so that no process can connect after the first one.
    pub(crate) fn remove_socket(&self) -> io::Result<()> {
        fs::remove_file(self.link_path().join(container_link::SOCKET))
    }

    pub(crate) fn remove(&self) {
        // If this fails, the next worker that starts removes it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn write_readable_file(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Removes the directories below `parent` whose owners on this host have ended.
pub(crate) fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        // A directory without a readable owner is being created.
        let owner = PidFile::read(&entry.path().join(OWNER));
        if owner.is_some_and(|owner| owner.has_ended()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns `path` as text.
pub(crate) fn path_text(path: impl AsRef<OsStr>) -> Result<String, DockerError> {
    let path = path.as_ref();
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| DockerError::NotText { path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use eklavya_core::process::HostIdentity;

    #[test]
    fn a_container_directory_is_removed_once_its_owner_has_ended() {
        let parent = tempfile::tempdir().unwrap();
        let user = SandboxUser {
            uid: 70_001,
            gid: 70_001,
        };
        let directory = ContainerDir::create(parent.path(), user).unwrap();
        remove_abandoned(parent.path());
        assert!(directory.path.exists());
        let host = HostIdentity::current().digest;
        fs::write(directory.path.join(OWNER), format!("{host} 1 1")).unwrap();
        remove_abandoned(parent.path());
        assert!(!directory.path.exists());
    }
}

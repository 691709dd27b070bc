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

use super::super::dirs::{self, share_socket};
use super::super::error::SandboxError;
use super::super::orphan;
use super::super::spec::User;
use super::link;
use eklavya_core::process;

/// The file that names the process which answers for the directory.
const OWNER: &str = "owner";
/// The file that names the container's first process on the host.
const FIRST: &str = "first";
/// The directory that is mounted in the container.
const LINK: &str = "link";

/// The directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    pub path: PathBuf,
}

impl Stage {
    /// Makes one below `stages` for a sandbox of `user`.
    pub(super) fn make(stages: &Path, user: User) -> Result<Self, SandboxError> {
        let stage = Self {
            path: stages.join(Uuid::new_v4().simple().to_string()),
        };
        stage.fill(user).map_err(|source| SandboxError::Open {
            path: stage.path.clone(),
            source,
        })?;
        Ok(stage)
    }

    fn fill(&self, user: User) -> io::Result<()> {
        let User { uid, gid } = user;
        let link = self.link();
        fs::create_dir_all(&link)?;
        self.owned_by(std::process::id())?;
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
        self.text(&self.passwd(), &passwd)?;
        let group = format!("root:x:0:\nagent:x:{gid}:\nnogroup:x:65534:\n");
        self.text(&self.group(), &group)
    }

    #[expect(clippy::unused_self, reason = "the files belong to the stage")]
    fn text(&self, path: &Path, text: &str) -> io::Result<()> {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644))
    }

    pub(super) fn link(&self) -> PathBuf {
        self.path.join(LINK)
    }

    pub(super) fn passwd(&self) -> PathBuf {
        self.path.join("passwd")
    }

    pub(super) fn group(&self) -> PathBuf {
        self.path.join("group")
    }

    /// Returns the name of its container.
    pub(super) fn container(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("eklavya-{}", name.display())
    }

    /// Notes which process answers for it.
    pub(super) fn owned_by(&self, pid: u32) -> io::Result<()> {
        orphan::note(&self.path.join(OWNER), pid)
    }

    /// Listens for the container.
    pub(super) fn listen(&self, user: User) -> io::Result<UnixListener> {
        let directory = rustix::fs::open(
            self.link(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        // Not by its own path, which may be longer than the name of a socket.
        let short = format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), link::SOCKET);
        let listener = UnixListener::bind(short)?;
        let owner = dirs::is_root().then_some(user);
        share_socket(&self.link().join(link::SOCKET), owner).map_err(io::Error::other)?;
        Ok(listener)
    }

    /// Takes the socket away: nobody but the first may connect.
    pub(super) fn close(&self) -> io::Result<()> {
        fs::remove_file(self.link().join(link::SOCKET))
    }

    /// Notes the first process of the container.
    pub(super) fn holds(&self, pid: u32) -> io::Result<()> {
        let start = process::start_of(pid).unwrap_or_default();
        fs::write(self.path.join(FIRST), format!("{pid} {start}"))
    }

    /// Removes it.
    pub(super) fn remove(&self) {
        // What is left of it is removed by the next worker that starts.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns the first process, on this host, of the container that the relay `pid` stands for; nothing
/// where that is no relay, or its container does not run.
pub(in super::super) fn first_process(relay: u32) -> Option<u32> {
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
pub(super) fn sweep(stages: &Path) {
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
            let here = host == Some(process::Host::this().digest.as_str());
            here && !process::is_alive(pid, start)
        }
        _ => false,
    }
}

/// Returns `path` as a text.
pub(super) fn text(path: impl AsRef<OsStr>) -> Result<String, super::DockerError> {
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
        let user = User {
            uid: 70_001,
            gid: 70_001,
        };
        let stage = Stage::make(stages.path(), user).unwrap();
        sweep(stages.path());
        assert!(stage.path.exists());
        let host = process::Host::this().digest;
        fs::write(stage.path.join(OWNER), format!("{host} 1 1")).unwrap();
        sweep(stages.path());
        assert!(!stage.path.exists());
    }

    #[test]
    fn only_a_relay_has_a_container() {
        assert_eq!(first_process(std::process::id()), None);
    }
}

//! The mounts of a sandbox, derived from the table of roles. Every isolation backend translates them.
//!
//! The parts that the backends do not share are not here: the system's programs (from this machine or
//! from an image), `/proc` and `/dev`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use crate::open_beneath;
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::{FileAccess, GitAccess};
use crate::spec::{MountAccess, SandboxProfile, SandboxSpec};
use crate::user::SandboxUser;

/// The path of the `eklavya` program inside.
pub(crate) const OWN_PROGRAM: &str = "/opt/eklavya/eklavya";
/// Temporary files.
const TMP: &str = "/tmp";
/// POSIX shared memory.
pub(crate) const SHARED_MEMORY: &str = "/dev/shm";

/// A mount. A later one covers an earlier one.
#[derive(Debug)]
pub(crate) struct PlannedMount {
    /// The path inside.
    pub path: PathBuf,
    pub source: MountSource,
}

/// What is mounted.
#[derive(Debug)]
pub(crate) enum MountSource {
    /// A program or a directory of programs, read-only. Only the caller can replace it.
    Program {
        /// The real path on the host.
        source: PathBuf,
        opened: OwnedFd,
    },
    /// A file or directory that has the same path on the host.
    Host {
        /// Opened without following links.
        opened: OwnedFd,
        /// The mounted path or a directory above it, below which an agent may have created links.
        base: PathBuf,
        access: MountAccess,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// The size in bytes; `None` for no limit.
        bytes: Option<u64>,
        sharing: TmpfsMode,
    },
    /// An empty read-only file system over a directory that must not be visible.
    Hidden {
        /// As in [`MountSource::Host`].
        base: PathBuf,
    },
}

/// Who may write to a file system in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TmpfsMode {
    /// All users; only the owner of a file may remove it (mode 1777).
    Sticky,
    /// Only the user of the sandbox (mode 0700).
    Private,
}

/// Returns the mounts of a sandbox of `spec`, in the order in which they are made. `exe` is the
/// `eklavya` program. Directories that are created on the host get `owner`.
///
/// # Errors
/// A directory is missing, or its path contains a link.
pub(crate) fn plan_mounts(
    exe: &Path,
    spec: &SandboxSpec,
    owner: Option<SandboxUser>,
) -> Result<Vec<PlannedMount>, SandboxError> {
    let mut mounts = vec![
        tmpfs_mount(SHARED_MEMORY.into(), spec, TmpfsMode::Sticky),
        tmpfs_mount(TMP.into(), spec, TmpfsMode::Sticky),
        program_mount(exe, Some(OWN_PROGRAM.into()))?,
    ];
    for tool in &spec.tool_binaries {
        mounts.push(program_mount(tool, None)?);
    }
    mounts.extend(workspace_mounts(spec, owner)?);
    let home = open_beneath::open_directory(&spec.home)?;
    mounts.push(host_mount(home, &spec.home, &spec.home, MountAccess::Write));
    mounts.push(tmpfs_mount(spec.tmp.clone(), spec, TmpfsMode::Private));
    if let Some(door) = &spec.door {
        let opened = open_beneath::open_directory(door)?;
        mounts.push(host_mount(opened, door, door, door_access(spec)));
    }
    Ok(mounts)
}

fn tmpfs_mount(path: PathBuf, spec: &SandboxSpec, sharing: TmpfsMode) -> PlannedMount {
    let bytes = spec
        .is_enabled(ProtectionLayer::Limits)
        .then_some(spec.tmp_bytes);
    PlannedMount {
        path,
        source: MountSource::Tmpfs { bytes, sharing },
    }
}

/// Returns the mount of a program at `path` (default: its real path).
fn program_mount(program: &Path, path: Option<PathBuf>) -> Result<PlannedMount, SandboxError> {
    let opened = open_beneath::open_trusted(program)?;
    let source = program
        .canonicalize()
        .map_err(|source| SandboxError::Open {
            path: program.to_owned(),
            source,
        })?;
    Ok(PlannedMount {
        path: path.unwrap_or_else(|| source.clone()),
        source: MountSource::Program { source, opened },
    })
}

fn host_mount(opened: OwnedFd, path: &Path, base: &Path, access: MountAccess) -> PlannedMount {
    PlannedMount {
        path: path.to_owned(),
        source: MountSource::Host {
            opened,
            base: base.to_owned(),
            access,
        },
    }
}

/// A preview creates its socket in the door; all others only connect.
fn door_access(spec: &SandboxSpec) -> MountAccess {
    match spec.profile {
        SandboxProfile::Agent(_) | SandboxProfile::Command(_) | SandboxProfile::Browser
            if spec.is_enabled(ProtectionLayer::Mounts) =>
        {
            MountAccess::Read
        }
        SandboxProfile::Agent(_)
        | SandboxProfile::Command(_)
        | SandboxProfile::Browser
        | SandboxProfile::Preview { .. } => MountAccess::Write,
    }
}

fn workspace_mounts(
    spec: &SandboxSpec,
    owner: Option<SandboxUser>,
) -> Result<Vec<PlannedMount>, SandboxError> {
    let path = &spec.workspace;
    let opened = open_beneath::open_directory(path)?;
    if !spec.is_enabled(ProtectionLayer::Mounts) {
        return Ok(vec![host_mount(opened, path, path, MountAccess::Write)]);
    }
    let (access, prefixes): (_, &[&str]) = match spec.profile.file_access() {
        FileAccess::Full => (MountAccess::Write, &[]),
        FileAccess::Read => (MountAccess::Read, &[]),
        FileAccess::Write(prefixes) => (MountAccess::Read, prefixes),
    };
    let mut below = Vec::new();
    for prefix in prefixes {
        let made = open_beneath::create_beneath(&opened, path, Path::new(prefix), owner)?;
        let prefix = path.join(prefix);
        below.push(host_mount(made, &prefix, path, MountAccess::Write));
    }
    if let Some(access) = spec.profile.git_access() {
        below.extend(git_mounts(access, &opened, path, owner)?);
    }
    let whole = host_mount(opened, path, path, access);
    Ok(std::iter::once(whole).chain(below).collect())
}

/// Makes `.git` a mount of its own, so that it cannot be moved aside either.
fn git_mounts(
    access: GitAccess,
    workspace: &OwnedFd,
    base: &Path,
    owner: Option<SandboxUser>,
) -> Result<Vec<PlannedMount>, SandboxError> {
    let Some(git) = open_beneath::open_beneath(workspace, base, Path::new(".git"))? else {
        return Ok(Vec::new());
    };
    let path = base.join(".git");
    match access {
        GitAccess::No => Ok(vec![PlannedMount {
            path,
            source: MountSource::Hidden {
                base: base.to_owned(),
            },
        }]),
        GitAccess::Read => Ok(vec![host_mount(git, &path, base, MountAccess::Read)]),
        GitAccess::Full => writable_git_mounts(git, &path, base, owner),
    }
}

fn writable_git_mounts(
    git: OwnedFd,
    path: &Path,
    base: &Path,
    owner: Option<SandboxUser>,
) -> Result<Vec<PlannedMount>, SandboxError> {
    // A process that can write these two can make git run programs.
    let hooks = open_beneath::create_beneath(&git, path, Path::new("hooks"), owner)?;
    let config = open_beneath::open_beneath(&git, path, Path::new("config"))?;
    let mut mounts = vec![
        host_mount(git, path, base, MountAccess::Write),
        host_mount(hooks, &path.join("hooks"), base, MountAccess::Read),
    ];
    let config =
        config.map(|found| host_mount(found, &path.join("config"), base, MountAccess::Read));
    mounts.extend(config);
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::*;
    use crate::workspace_dirs::WorkspaceDirs;
    use eklavya_core::agent::role::Role;

    fn describe(mount: &PlannedMount, root: &Path) -> String {
        let path = mount.path.strip_prefix(root).unwrap_or(&mount.path);
        let what = match &mount.source {
            MountSource::Program { .. } => "program".to_owned(),
            MountSource::Host { access, .. } => format!("host {access:?}"),
            MountSource::Tmpfs { bytes, sharing } => format!("memory {bytes:?} {sharing:?}"),
            MountSource::Hidden { .. } => "hidden".to_owned(),
        };
        format!("{} {what}", path.display())
    }

    fn planned(root: &Path, profile: SandboxProfile, disabled: &[ProtectionLayer]) -> String {
        let dirs = WorkspaceDirs::below(root);
        let mut spec = SandboxSpec::new(profile, &dirs);
        spec.door = Some(dirs.door.clone());
        spec.tool_binaries = vec!["/bin/sh".into()];
        spec.disabled_layers = disabled.to_vec();
        let mounts = plan_mounts(Path::new("/bin/sh"), &spec, None).unwrap();
        // The first four mounts are the same in every sandbox.
        let own: Vec<String> = mounts[4..].iter().map(|one| describe(one, root)).collect();
        own.join(", ")
    }

    #[test]
    fn each_profile_has_its_own_mounts() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let dirs = WorkspaceDirs::below(root);
        dirs.create(None).unwrap();
        fs::create_dir(dirs.clone.join(".git")).unwrap();
        fs::write(dirs.clone.join(".git/config"), "").unwrap();
        let mut text = String::new();
        let agents = Role::ALL.map(SandboxProfile::Agent);
        let others = [
            SandboxProfile::Command(MountAccess::Read),
            SandboxProfile::Command(MountAccess::Write),
            SandboxProfile::Preview {
                access: MountAccess::Read,
                port: 1,
            },
            SandboxProfile::Browser,
        ];
        for profile in agents.into_iter().chain(others) {
            let mounts = planned(root, profile, &[]);
            writeln!(text, "{profile:?}: {mounts}").unwrap();
        }
        let open = planned(
            root,
            SandboxProfile::Agent(Role::Qa),
            &[ProtectionLayer::Mounts, ProtectionLayer::Limits],
        );
        writeln!(text, "without mounts and limits: {open}").unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_link_in_place_of_a_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = WorkspaceDirs::below(dir.path());
        dirs.create(None).unwrap();
        std::os::unix::fs::symlink("/etc", dirs.clone.join("docs")).unwrap();
        let spec = SandboxSpec::new(SandboxProfile::Agent(Role::Pm), &dirs);
        let refused = plan_mounts(Path::new("/bin/sh"), &spec, None).unwrap_err();
        assert!(matches!(refused, SandboxError::Link { .. }), "{refused}");
    }
}

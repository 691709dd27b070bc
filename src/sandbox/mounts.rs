//! What a sandbox sees of the host, and where: computed once from the table of roles, for every
//! isolation to translate.
//!
//! What the isolations do not share is not here: where the system's programs come from (this machine
//! or an image), `/proc` and `/dev`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::error::SandboxError;
use super::guard::Guard;
use super::open;
use super::policy::{FileAccess, GitAccess};
use super::spec::{Access, Profile, Spec, User};

/// Where the `eklavya` program is inside.
pub(super) const OWN_PROGRAM: &str = "/opt/eklavya/eklavya";
/// Temporary files of whoever runs inside.
const TMP: &str = "/tmp";
/// POSIX shared memory.
pub(super) const SHARED_MEMORY: &str = "/dev/shm";

/// Something that is mounted. A later one lies over an earlier one.
#[derive(Debug)]
pub(super) struct Mount {
    /// Where it is inside.
    pub path: PathBuf,
    /// What is there.
    pub what: What,
}

/// What is mounted.
#[derive(Debug)]
pub(super) enum What {
    /// A program or a directory of them, read-only; nobody but the caller can replace it.
    Program {
        /// Its real path on the host.
        source: PathBuf,
        /// The same, opened.
        opened: OwnedFd,
    },
    /// A file or directory of the host's that is at the same path there.
    Host {
        /// It, opened without following links.
        opened: OwnedFd,
        /// The directory, given by a path above it, below which an agent may have put links.
        base: PathBuf,
        /// Whether it may be written.
        access: Access,
    },
    /// An empty file system in memory.
    Memory {
        /// Its size in bytes; nothing is no limit.
        bytes: Option<u64>,
        /// Who may write there.
        sharing: Sharing,
    },
    /// An empty file system that cannot be written, over what must not be seen.
    Hidden {
        /// As with [`What::Host`].
        base: PathBuf,
    },
}

/// Who may write in a file system in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Everybody, each for himself (mode 1777).
    Sticky,
    /// Nobody but who runs inside (mode 0700).
    Private,
}

/// Returns the mounts of a sandbox of `spec`, in the order in which they are made. `exe` is the
/// `eklavya` program; `owner` is whom directories that are made on the host are given to.
///
/// # Errors
/// A directory is missing, or a link stands in its way.
pub(super) fn plan(
    exe: &Path,
    spec: &Spec,
    owner: Option<User>,
) -> Result<Vec<Mount>, SandboxError> {
    let mut mounts = vec![
        memory(SHARED_MEMORY.into(), spec, Sharing::Sticky),
        memory(TMP.into(), spec, Sharing::Sticky),
        program(exe, Some(OWN_PROGRAM.into()))?,
    ];
    for tool in &spec.tool_binaries {
        mounts.push(program(tool, None)?);
    }
    mounts.extend(workspace(spec, owner)?);
    let home = open::directory(&spec.home)?;
    mounts.push(host(home, &spec.home, &spec.home, Access::Write));
    mounts.push(memory(spec.tmp.clone(), spec, Sharing::Private));
    if let Some(door) = &spec.door {
        mounts.push(host(open::directory(door)?, door, door, door_access(spec)));
    }
    Ok(mounts)
}

fn memory(path: PathBuf, spec: &Spec, sharing: Sharing) -> Mount {
    let bytes = spec.has(Guard::Limits).then_some(spec.tmp_bytes);
    Mount {
        path,
        what: What::Memory { bytes, sharing },
    }
}

/// Returns the mount of a program at `path`, or else at its real path.
fn program(program: &Path, path: Option<PathBuf>) -> Result<Mount, SandboxError> {
    let opened = open::trusted(program)?;
    let source = program
        .canonicalize()
        .map_err(|source| SandboxError::Open {
            path: program.to_owned(),
            source,
        })?;
    Ok(Mount {
        path: path.unwrap_or_else(|| source.clone()),
        what: What::Program { source, opened },
    })
}

fn host(opened: OwnedFd, path: &Path, base: &Path, access: Access) -> Mount {
    Mount {
        path: path.to_owned(),
        what: What::Host {
            opened,
            base: base.to_owned(),
            access,
        },
    }
}

/// A preview makes its socket there; everybody else only connects.
fn door_access(spec: &Spec) -> Access {
    match spec.profile {
        Profile::Agent(_) | Profile::Command(_) | Profile::Browser if spec.has(Guard::Mounts) => {
            Access::Read
        }
        Profile::Agent(_) | Profile::Command(_) | Profile::Browser | Profile::Preview { .. } => {
            Access::Write
        }
    }
}

fn workspace(spec: &Spec, owner: Option<User>) -> Result<Vec<Mount>, SandboxError> {
    let path = &spec.workspace;
    let opened = open::directory(path)?;
    if !spec.has(Guard::Mounts) {
        return Ok(vec![host(opened, path, path, Access::Write)]);
    }
    let (access, prefixes): (_, &[&str]) = match spec.profile.files() {
        FileAccess::Full => (Access::Write, &[]),
        FileAccess::Read => (Access::Read, &[]),
        FileAccess::Write(prefixes) => (Access::Read, prefixes),
    };
    let mut below = Vec::new();
    for prefix in prefixes {
        let made = open::make_beneath(&opened, path, Path::new(prefix), owner)?;
        below.push(host(made, &path.join(prefix), path, Access::Write));
    }
    if let Some(access) = spec.profile.git() {
        below.extend(git(access, &opened, path, owner)?);
    }
    let whole = host(opened, path, path, access);
    Ok(std::iter::once(whole).chain(below).collect())
}

/// Makes `.git` a mount of its own, so that it cannot be moved aside either.
fn git(
    access: GitAccess,
    workspace: &OwnedFd,
    base: &Path,
    owner: Option<User>,
) -> Result<Vec<Mount>, SandboxError> {
    let Some(git) = open::beneath(workspace, base, Path::new(".git"))? else {
        return Ok(Vec::new());
    };
    let path = base.join(".git");
    match access {
        GitAccess::No => Ok(vec![Mount {
            path,
            what: What::Hidden {
                base: base.to_owned(),
            },
        }]),
        GitAccess::Read => Ok(vec![host(git, &path, base, Access::Read)]),
        GitAccess::Full => {
            // Whoever writes these two makes git run programs.
            let hooks = open::make_beneath(&git, &path, Path::new("hooks"), owner)?;
            let config = open::beneath(&git, &path, Path::new("config"))?;
            let mut mounts = vec![
                host(git, &path, base, Access::Write),
                host(hooks, &path.join("hooks"), base, Access::Read),
            ];
            let config = config.map(|found| host(found, &path.join("config"), base, Access::Read));
            mounts.extend(config);
            Ok(mounts)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::*;
    use crate::Dirs;
    use eklavya_core::domain::role::Role;

    fn told(mount: &Mount, root: &Path) -> String {
        let path = mount.path.strip_prefix(root).unwrap_or(&mount.path);
        let what = match &mount.what {
            What::Program { .. } => "program".to_owned(),
            What::Host { access, .. } => format!("host {access:?}"),
            What::Memory { bytes, sharing } => format!("memory {bytes:?} {sharing:?}"),
            What::Hidden { .. } => "hidden".to_owned(),
        };
        format!("{} {what}", path.display())
    }

    fn planned(root: &Path, profile: Profile, without: &[Guard]) -> String {
        let dirs = Dirs::at(root);
        let mut spec = Spec::new(profile, &dirs);
        spec.door = Some(dirs.door.clone());
        spec.tool_binaries = vec!["/bin/sh".into()];
        spec.without = without.to_vec();
        let mounts = plan(Path::new("/bin/sh"), &spec, None).unwrap();
        // The first four are the same for everybody.
        let own: Vec<String> = mounts[4..].iter().map(|one| told(one, root)).collect();
        own.join(", ")
    }

    #[test]
    fn the_mounts_of_each_profile() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let dirs = Dirs::at(root);
        dirs.prepare(None).unwrap();
        fs::create_dir(dirs.clone.join(".git")).unwrap();
        fs::write(dirs.clone.join(".git/config"), "").unwrap();
        let mut text = String::new();
        let agents = Role::ALL.map(Profile::Agent);
        let others = [
            Profile::Command(Access::Read),
            Profile::Command(Access::Write),
            Profile::Preview {
                access: Access::Read,
                port: 1,
            },
            Profile::Browser,
        ];
        for profile in agents.into_iter().chain(others) {
            let mounts = planned(root, profile, &[]);
            writeln!(text, "{profile:?}: {mounts}").unwrap();
        }
        let open = planned(
            root,
            Profile::Agent(Role::Qa),
            &[Guard::Mounts, Guard::Limits],
        );
        writeln!(text, "without mounts and limits: {open}").unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_link_in_place_of_a_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs::at(dir.path());
        dirs.prepare(None).unwrap();
        std::os::unix::fs::symlink("/etc", dirs.clone.join("docs")).unwrap();
        let spec = Spec::new(Profile::Agent(Role::Pm), &dirs);
        let refused = plan(Path::new("/bin/sh"), &spec, None).unwrap_err();
        assert!(matches!(refused, SandboxError::Link { .. }), "{refused}");
    }
}

//! Landlock: the second layer over the mounts, drawn from the same table of roles.
//!
//! What the mounts leave out is not there at all; Landlock says of what is there, once more, what
//! may be read, run and written. A mount that went wrong is caught here, and so are the other
//! processes of the sandbox, whose memory no program behind this wall can open.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{FileType, Mode, OFlags};

use super::guard::Guard;
use super::mounts::OWN_PROGRAM;
use super::policy::FileAccess;
use super::spec::{Sockets, Spec};

/// The newest version of Landlock that the rules were tried with.
const KNOWN: ABI = ABI::V7;
/// Its number.
pub(super) const KNOWN_LEVEL: u32 = 7;

/// What may be done below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// The names in directories.
    List,
    /// Reading.
    Read,
    /// Reading and starting programs.
    Run,
    /// Reading and writing.
    Write,
    /// Reading, writing and starting programs.
    Own,
    /// Reading, writing and controlling devices.
    Device,
}

impl Grant {
    const ALL: [(Self, &'static str); 6] = [
        (Grant::List, "list"),
        (Grant::Read, "read"),
        (Grant::Run, "run"),
        (Grant::Write, "write"),
        (Grant::Own, "own"),
        (Grant::Device, "device"),
    ];

    fn rights(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
        let write = AccessFs::from_write(KNOWN) & !devices;
        match self {
            Grant::List => AccessFs::ReadDir.into(),
            Grant::Read => read,
            Grant::Run => read | AccessFs::Execute,
            Grant::Write => read | write,
            Grant::Own => read | write | AccessFs::Execute,
            Grant::Device => read | AccessFs::WriteFile | AccessFs::IoctlDev,
        }
    }

    /// Returns the word for it.
    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Returns what a word stands for.
    pub(super) fn of(word: &OsStr) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, known)| word == *known)
            .map(|(grant, _)| grant)
    }
}

/// What a program in a sandbox may do with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Territory {
    /// The least version of Landlock that is accepted; 0 where it may be missing.
    pub floor: u32,
    /// The paths; what is below none of them cannot be opened.
    pub grants: Vec<(Grant, PathBuf)>,
    /// Whether the door is the only port that may be connected to, and none may be listened on.
    pub door_only: bool,
}

impl Territory {
    /// Returns what `spec` allows.
    ///
    /// A rule holds for everything below its path, mounts included, and none takes back what another
    /// gives. So the CLI on its own is not let into `/tmp`, below which the data directory may lie: it
    /// has its own temporary directory. People's programs, which expect `/tmp`, run where all of the
    /// clone may be written anyway.
    pub(super) fn of(spec: &Spec, floor: u32) -> Self {
        let shell = spec.profile.has_shell();
        let mine = if shell { Grant::Own } else { Grant::Write };
        let mut grants = system();
        for tool in &spec.tool_binaries {
            let real = tool.canonicalize().unwrap_or_else(|_| tool.clone());
            grants.push((Grant::Run, real));
        }
        if shell {
            grants.extend(["/tmp", "/dev/shm"].map(|path| (mine, path.into())));
        }
        grants.extend([&spec.home, &spec.tmp].map(|path| (mine, path.clone())));
        grants.extend(workspace(spec, shell, mine));
        Self {
            floor,
            grants,
            door_only: spec.profile.sockets() == Sockets::Tcp,
        }
    }

    /// Returns the words for it, in the order in which [`Territory::parse`] reads them.
    pub(super) fn words(&self) -> Vec<OsString> {
        let door = if self.door_only { "door" } else { "loopback" };
        let mut words = vec![
            "landlock".into(),
            self.floor.to_string().into(),
            door.into(),
        ];
        for (grant, path) in &self.grants {
            words.extend([grant.word().into(), path.clone().into_os_string()]);
        }
        words
    }

    /// Reads what follows the word `landlock`, to the end.
    pub(super) fn parse(words: &[OsString]) -> Option<Self> {
        let [floor, door, grants @ ..] = words else {
            return None;
        };
        let grants = grants.chunks(2).map(|pair| match pair {
            [word, path] => Some((Grant::of(word)?, PathBuf::from(path))),
            _ => None,
        });
        Some(Self {
            floor: floor.to_str()?.parse().ok()?,
            door_only: match door.to_str()? {
                "door" => true,
                "loopback" => false,
                _ => return None,
            },
            grants: grants.collect::<Option<_>>()?,
        })
    }

    /// Holds the calling thread and what it starts to it, and returns the version in force.
    ///
    /// # Errors
    /// The kernel refuses, or knows less of Landlock than the floor.
    pub(super) fn raise(&self, door: Option<u16>) -> Result<u32, String> {
        let failed = |error: RulesetError| format!("cannot use Landlock: {error}");
        let mut rules = self.ruleset().map_err(failed)?;
        for (grant, path) in &self.grants {
            // What is not mounted needs no rule.
            if let Some((opened, kind)) = open(path)? {
                let rule = PathBeneath::new(opened, fitting(grant.rights(), kind));
                rules = rules.add_rule(rule).map_err(failed)?;
            }
        }
        if let (true, Some(port)) = (self.door_only, door) {
            let rule = NetPort::new(port, AccessNet::ConnectTcp);
            rules = rules.add_rule(rule).map_err(failed)?;
        }
        let status = rules.restrict_self().map_err(failed)?;
        let level = match status.ruleset {
            RulesetStatus::NotEnforced => 0,
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => {
                level(status.landlock)
            }
        };
        if level < self.floor {
            let floor = self.floor;
            return Err(format!(
                "Landlock is at level {level} here, {floor} is needed"
            ));
        }
        Ok(level)
    }

    fn ruleset(&self) -> Result<RulesetCreated, RulesetError> {
        // What the kernel does not know of it is left out.
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
        if self.door_only {
            rules = rules.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
        }
        rules.create()
    }
}

/// Returns the version of Landlock that works on this machine, found by using it; 0 where none
/// does.
///
/// Only a thread of its own, which ends at once, is restricted by the attempt.
pub(super) fn detect() -> u32 {
    let attempt = || {
        let territory = Territory {
            floor: 0,
            grants: vec![(Grant::Own, PathBuf::from("/"))],
            door_only: false,
        };
        territory.raise(None).unwrap_or(0)
    };
    std::thread::spawn(attempt).join().unwrap_or(0)
}

fn level(status: LandlockStatus) -> u32 {
    match status {
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        LandlockStatus::Available { effective_abi, .. } => {
            // Rules of versions beyond the known one are not asked for.
            let effective = effective_abi.min(KNOWN);
            effective.to_string().parse().unwrap_or(0)
        }
    }
}

/// What every sandbox sees of the operating system.
fn system() -> Vec<(Grant, PathBuf)> {
    let mut grants = vec![(Grant::List, PathBuf::from("/"))];
    for path in [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ] {
        grants.push((Grant::Run, path.into()));
    }
    grants.push((Grant::Run, OWN_PROGRAM.into()));
    grants.push((Grant::Read, "/etc".into()));
    grants.push((Grant::Read, "/proc".into()));
    grants.push((Grant::Device, "/dev".into()));
    grants
}

fn workspace(spec: &Spec, shell: bool, mine: Grant) -> Vec<(Grant, PathBuf)> {
    let read = if shell { Grant::Run } else { Grant::Read };
    let path = &spec.workspace;
    match spec.profile.files() {
        FileAccess::Full => vec![(mine, path.clone())],
        FileAccess::Read => vec![(read, path.clone())],
        FileAccess::Write(prefixes) => {
            let below = prefixes.iter().map(|prefix| (mine, path.join(prefix)));
            std::iter::once((read, path.clone())).chain(below).collect()
        }
    }
}

/// Opens a path to name it in a rule; `None` where nothing is there.
///
/// Only parts of the operating system may be links (`/bin`): where a link stood in place of a
/// directory of the role's, the rule would be about something else.
fn open(path: &Path) -> Result<Option<(OwnedFd, FileType)>, String> {
    let system = path.parent() == Some(Path::new("/"));
    let follow = if system {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    };
    let flags = OFlags::PATH | OFlags::CLOEXEC | follow;
    let opened = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(opened) => opened,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(format!("cannot open {}: {errno}", path.display())),
    };
    let stat = rustix::fs::fstat(&opened);
    let stat = stat.map_err(|errno| format!("cannot look at {}: {errno}", path.display()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Err(format!("{} is a symbolic link", path.display())),
        kind => Ok(Some((opened, kind))),
    }
}

/// Returns the rights that make sense for a file of this kind: the kernel refuses the others.
fn fitting(rights: BitFlags<AccessFs>, kind: FileType) -> BitFlags<AccessFs> {
    if kind == FileType::Directory {
        rights
    } else {
        rights & AccessFs::from_file(KNOWN)
    }
}

/// Returns the territory that a sandbox of `spec` gets, if it gets one.
pub(super) fn of(spec: &Spec, floor: u32) -> Option<Territory> {
    spec.has(Guard::Landlock)
        .then(|| Territory::of(spec, floor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dirs, Profile};
    use eklavya_core::domain::role::Role;
    use std::fs;
    use std::io::ErrorKind;

    fn spec(role: Role, root: &Path) -> Spec {
        Spec::new(Profile::Agent(role), &Dirs::at(root))
    }

    /// Runs `look` behind the wall; it holds for the thread alone.
    fn behind<T: Send + 'static>(
        territory: Territory,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let thread = std::thread::spawn(move || {
            territory.raise(None).unwrap();
            look()
        });
        thread.join().unwrap()
    }

    #[test]
    fn words_are_read_back() {
        for role in Role::ALL {
            let territory = Territory::of(&spec(role, Path::new("/x")), 3);
            let words = territory.words();
            assert_eq!(Territory::parse(&words[1..]), Some(territory));
        }
        for wrong in [
            &["x", "door"][..],
            &["1", "x"],
            &["1", "door", "own"],
            &["1"],
        ] {
            let words: Vec<OsString> = wrong.iter().map(Into::into).collect();
            assert_eq!(Territory::parse(&words), None, "{wrong:?}");
        }
        for (grant, word) in Grant::ALL {
            assert_eq!(
                (Grant::of(OsStr::new(word)), grant.word()),
                (Some(grant), word)
            );
        }
    }

    #[test]
    fn a_role_writes_where_its_row_says() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs::at(dir.path());
        for name in ["src", "docs"] {
            fs::create_dir_all(dirs.clone.join(name)).unwrap();
        }
        let territory = Territory::of(&spec(Role::Architect, dir.path()), 1);
        let clone = dirs.clone.clone();
        let (src, docs) = behind(territory, move || {
            (
                fs::write(clone.join("src/a"), ""),
                fs::write(clone.join("docs/a"), ""),
            )
        });
        assert_eq!(src.unwrap_err().kind(), ErrorKind::PermissionDenied);
        docs.unwrap();
    }

    #[test]
    fn a_link_in_place_of_a_granted_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("docs")).unwrap();
        let territory = Territory {
            floor: 0,
            grants: vec![(Grant::Own, dir.path().join("docs"))],
            door_only: false,
        };
        let result = std::thread::spawn(move || territory.raise(None))
            .join()
            .unwrap();
        assert!(result.unwrap_err().contains("is a symbolic link"));
    }

    #[test]
    fn a_kernel_below_the_floor_is_refused() {
        let territory = Territory {
            floor: 99,
            grants: Vec::new(),
            door_only: false,
        };
        let result = std::thread::spawn(move || territory.raise(None))
            .join()
            .unwrap();
        assert!(result.unwrap_err().contains("99 is needed"));
    }
}

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

use crate::plan::mounts::OWN_PROGRAM;
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::FileAccess;
use crate::spec::{AllowedSockets, SandboxSpec};

/// The newest version of Landlock that the rules were tried with.
const KNOWN: ABI = ABI::V7;
/// Its number.
pub(crate) const KNOWN_LEVEL: u32 = 7;

/// What may be done below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathAccess {
    /// The names in directories.
    List,
    /// Reading.
    Read,
    /// Reading and starting programs.
    Run,
    /// Reading and writing.
    Write,
    /// Reading, writing and starting programs.
    Full,
    /// Reading, writing and controlling devices.
    Device,
}

impl PathAccess {
    const ALL: [(Self, &'static str); 6] = [
        (PathAccess::List, "list"),
        (PathAccess::Read, "read"),
        (PathAccess::Run, "run"),
        (PathAccess::Write, "write"),
        (PathAccess::Full, "own"),
        (PathAccess::Device, "device"),
    ];

    fn rights(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
        let write = AccessFs::from_write(KNOWN) & !devices;
        match self {
            PathAccess::List => AccessFs::ReadDir.into(),
            PathAccess::Read => read,
            PathAccess::Run => read | AccessFs::Execute,
            PathAccess::Write => read | write,
            PathAccess::Full => read | write | AccessFs::Execute,
            PathAccess::Device => read | AccessFs::WriteFile | AccessFs::IoctlDev,
        }
    }

    /// Returns the word for it.
    pub(crate) fn keyword(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Returns what a word stands for.
    pub(crate) fn from_keyword(word: &OsStr) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, known)| word == *known)
            .map(|(grant, _)| grant)
    }
}

/// What a program in a sandbox may do with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LandlockRules {
    /// The least version of Landlock that is accepted; 0 where it may be missing.
    pub min_level: u32,
    /// The paths; what is below none of them cannot be opened.
    pub paths: Vec<(PathAccess, PathBuf)>,
    /// Whether the door is the only port that may be connected to, and none may be listened on.
    pub door_only: bool,
}

impl LandlockRules {
    /// Returns what `spec` allows.
    ///
    /// A rule holds for everything below its path, mounts included, and none takes back what another
    /// gives. So the CLI on its own is not let into `/tmp`, below which the data directory may lie: it
    /// has its own temporary directory. People's programs, which expect `/tmp`, run where all of the
    /// clone may be written anyway.
    pub(crate) fn for_spec(spec: &SandboxSpec, floor: u32) -> Self {
        let shell = spec.profile.has_shell();
        let mine = if shell {
            PathAccess::Full
        } else {
            PathAccess::Write
        };
        let mut grants = system_paths();
        for tool in &spec.tool_binaries {
            let real = tool.canonicalize().unwrap_or_else(|_| tool.clone());
            grants.push((PathAccess::Run, real));
        }
        if shell {
            grants.extend(["/tmp", "/dev/shm"].map(|path| (mine, path.into())));
        }
        grants.extend([&spec.home, &spec.tmp].map(|path| (mine, path.clone())));
        grants.extend(workspace_paths(spec, shell, mine));
        Self {
            min_level: floor,
            paths: grants,
            door_only: spec.profile.allowed_sockets() == AllowedSockets::Tcp,
        }
    }

    /// Returns the words for it, in the order in which [`Territory::parse`] reads them.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let door = if self.door_only { "door" } else { "loopback" };
        let mut words = vec![
            "landlock".into(),
            self.min_level.to_string().into(),
            door.into(),
        ];
        for (grant, path) in &self.paths {
            words.extend([grant.keyword().into(), path.clone().into_os_string()]);
        }
        words
    }

    /// Reads what follows the word `landlock`, to the end.
    pub(crate) fn parse(words: &[OsString]) -> Option<Self> {
        let [floor, door, grants @ ..] = words else {
            return None;
        };
        let grants = grants.chunks(2).map(|pair| match pair {
            [word, path] => Some((PathAccess::from_keyword(word)?, PathBuf::from(path))),
            _ => None,
        });
        Some(Self {
            min_level: floor.to_str()?.parse().ok()?,
            door_only: match door.to_str()? {
                "door" => true,
                "loopback" => false,
                _ => return None,
            },
            paths: grants.collect::<Option<_>>()?,
        })
    }

    /// Holds the calling thread and what it starts to it, and returns the version in force.
    ///
    /// # Errors
    /// The kernel refuses, or knows less of Landlock than the floor.
    pub(crate) fn enforce(&self, door: Option<u16>) -> Result<u32, String> {
        let failed = |error: RulesetError| format!("cannot use Landlock: {error}");
        let mut rules = self.ruleset().map_err(failed)?;
        for (grant, path) in &self.paths {
            // What is not mounted needs no rule.
            if let Some((opened, kind)) = open_rule_path(path)? {
                let rule = PathBeneath::new(opened, applicable_rights(grant.rights(), kind));
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
                effective_level(status.landlock)
            }
        };
        if level < self.min_level {
            let floor = self.min_level;
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
pub(crate) fn detect_level() -> u32 {
    let attempt = || {
        let territory = LandlockRules {
            min_level: 0,
            paths: vec![(PathAccess::Full, PathBuf::from("/"))],
            door_only: false,
        };
        territory.enforce(None).unwrap_or(0)
    };
    std::thread::spawn(attempt).join().unwrap_or(0)
}

fn effective_level(status: LandlockStatus) -> u32 {
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
fn system_paths() -> Vec<(PathAccess, PathBuf)> {
    let mut grants = vec![(PathAccess::List, PathBuf::from("/"))];
    for path in [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ] {
        grants.push((PathAccess::Run, path.into()));
    }
    grants.push((PathAccess::Run, OWN_PROGRAM.into()));
    grants.push((PathAccess::Read, "/etc".into()));
    grants.push((PathAccess::Read, "/proc".into()));
    grants.push((PathAccess::Device, "/dev".into()));
    grants
}

fn workspace_paths(
    spec: &SandboxSpec,
    shell: bool,
    mine: PathAccess,
) -> Vec<(PathAccess, PathBuf)> {
    let read = if shell {
        PathAccess::Run
    } else {
        PathAccess::Read
    };
    let path = &spec.workspace;
    match spec.profile.file_access() {
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
fn open_rule_path(path: &Path) -> Result<Option<(OwnedFd, FileType)>, String> {
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
fn applicable_rights(rights: BitFlags<AccessFs>, kind: FileType) -> BitFlags<AccessFs> {
    if kind == FileType::Directory {
        rights
    } else {
        rights & AccessFs::from_file(KNOWN)
    }
}

/// Returns the territory that a sandbox of `spec` gets, if it gets one.
pub(crate) fn rules_for(spec: &SandboxSpec, floor: u32) -> Option<LandlockRules> {
    spec.is_enabled(ProtectionLayer::Landlock)
        .then(|| LandlockRules::for_spec(spec, floor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SandboxProfile, WorkspaceDirs};
    use eklavya_core::agent::role::Role;
    use std::fs;
    use std::io::ErrorKind;

    fn spec(role: Role, root: &Path) -> SandboxSpec {
        SandboxSpec::new(SandboxProfile::Agent(role), &WorkspaceDirs::below(root))
    }

    /// Runs `look` behind the wall; it holds for the thread alone.
    fn behind<T: Send + 'static>(
        territory: LandlockRules,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let thread = std::thread::spawn(move || {
            territory.enforce(None).unwrap();
            look()
        });
        thread.join().unwrap()
    }

    #[test]
    fn words_are_read_back() {
        for role in Role::ALL {
            let territory = LandlockRules::for_spec(&spec(role, Path::new("/x")), 3);
            let words = territory.to_words();
            assert_eq!(LandlockRules::parse(&words[1..]), Some(territory));
        }
        for wrong in [
            &["x", "door"][..],
            &["1", "x"],
            &["1", "door", "own"],
            &["1"],
        ] {
            let words: Vec<OsString> = wrong.iter().map(Into::into).collect();
            assert_eq!(LandlockRules::parse(&words), None, "{wrong:?}");
        }
        for (grant, word) in PathAccess::ALL {
            assert_eq!(
                (PathAccess::from_keyword(OsStr::new(word)), grant.keyword()),
                (Some(grant), word)
            );
        }
    }

    #[test]
    fn a_role_writes_where_its_row_says() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = WorkspaceDirs::below(dir.path());
        for name in ["src", "docs"] {
            fs::create_dir_all(dirs.clone.join(name)).unwrap();
        }
        let territory = LandlockRules::for_spec(&spec(Role::Architect, dir.path()), 1);
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
        let territory = LandlockRules {
            min_level: 0,
            paths: vec![(PathAccess::Full, dir.path().join("docs"))],
            door_only: false,
        };
        let result = std::thread::spawn(move || territory.enforce(None))
            .join()
            .unwrap();
        assert!(result.unwrap_err().contains("is a symbolic link"));
    }

    #[test]
    fn a_kernel_below_the_floor_is_refused() {
        let territory = LandlockRules {
            min_level: 99,
            paths: Vec::new(),
            door_only: false,
        };
        let result = std::thread::spawn(move || territory.enforce(None))
            .join()
            .unwrap();
        assert!(result.unwrap_err().contains("99 is needed"));
    }
}

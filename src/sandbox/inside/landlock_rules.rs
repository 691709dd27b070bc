//! Landlock: the second layer behind the mounts, derived from the same table of roles.
//!
//! A path that is not mounted does not exist inside. Landlock restricts once more what may be read,
//! run and written of the paths that are mounted. It catches a mount that went wrong, and keeps a
//! program from opening the memory of the other processes of the sandbox.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};
use rustix::fs::{FileType, Mode, OFlags};

/// The newest version of Landlock that the rules were tested with.
const NEWEST_ABI: ABI = ABI::V7;
pub(crate) const NEWEST_LEVEL: u32 = 7;

/// What a program may do below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathAccess {
    /// List the names in directories.
    List,
    Read,
    /// Read files and start programs.
    Run,
    /// Read and write.
    Write,
    /// Read, write and start programs.
    Full,
    /// Read, write and control devices.
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
        let write = AccessFs::from_write(NEWEST_ABI) & !devices;
        match self {
            PathAccess::List => AccessFs::ReadDir.into(),
            PathAccess::Read => read,
            PathAccess::Run => read | AccessFs::Execute,
            PathAccess::Write => read | write,
            PathAccess::Full => read | write | AccessFs::Execute,
            PathAccess::Device => read | AccessFs::WriteFile | AccessFs::IoctlDev,
        }
    }

    fn keyword(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn from_keyword(word: &OsStr) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, known)| word == *known)
            .map(|(access, _)| access)
    }
}

/// What a program in a sandbox may do with files and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LandlockRules {
    /// The lowest Landlock version that is accepted; 0 if Landlock may be missing.
    pub min_level: u32,
    /// A file that is below none of these paths cannot be opened.
    pub paths: Vec<(PathAccess, PathBuf)>,
    /// Whether a program may connect to the door's port only, and listen on none.
    pub door_only: bool,
}

impl LandlockRules {
    /// Returns the words in the order in which [`LandlockRules::parse`] reads them.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let door = if self.door_only { "door" } else { "loopback" };
        let mut words = vec![self.min_level.to_string().into(), door.into()];
        for (access, path) in &self.paths {
            words.extend([access.keyword().into(), path.clone().into_os_string()]);
        }
        words
    }

    /// Parses all of `words`.
    pub(crate) fn parse(words: &[OsString]) -> Option<Self> {
        let [min_level, door, paths @ ..] = words else {
            return None;
        };
        let paths = paths.chunks(2).map(|pair| match pair {
            [word, path] => Some((PathAccess::from_keyword(word)?, PathBuf::from(path))),
            _ => None,
        });
        Some(Self {
            min_level: min_level.to_str()?.parse().ok()?,
            door_only: match door.to_str()? {
                "door" => true,
                "loopback" => false,
                _ => return None,
            },
            paths: paths.collect::<Option<_>>()?,
        })
    }

    /// Restricts the calling thread and what it starts. Returns the Landlock version in force.
    ///
    /// # Errors
    /// The kernel refuses, or supports less than `min_level`.
    pub(crate) fn enforce(&self, door: Option<u16>) -> Result<u32, String> {
        let failed = |error: RulesetError| format!("cannot use Landlock: {error}");
        let mut rules = self.ruleset().map_err(failed)?;
        for (access, path) in &self.paths {
            // A path that is not mounted needs no rule.
            if let Some((opened, kind)) = open_rule_path(path)? {
                let rule = PathBeneath::new(opened, applicable_rights(access.rights(), kind));
                rules = rules.add_rule(rule).map_err(failed)?;
            }
        }
        if let (true, Some(port)) = (self.door_only, door) {
            let rule = NetPort::new(port, AccessNet::ConnectTcp);
            rules = rules.add_rule(rule).map_err(failed)?;
        }
        let status = rules.restrict_self().map_err(failed)?;
        let level = enforced_level(&status);
        if level < self.min_level {
            let needed = self.min_level;
            return Err(format!(
                "the kernel supports Landlock level {level}, but level {needed} is required"
            ));
        }
        Ok(level)
    }

    fn ruleset(&self) -> Result<RulesetCreated, RulesetError> {
        // The crate leaves out the rights that the kernel does not know.
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST_ABI))?
            .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
        if self.door_only {
            rules = rules.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
        }
        rules.create()
    }
}

/// Returns the Landlock version that works on this machine, or 0 if none does.
///
/// The attempt restricts a thread that ends at once, and nothing else.
pub(crate) fn detect_level() -> u32 {
    let attempt = || {
        let rules = LandlockRules {
            min_level: 0,
            paths: vec![(PathAccess::Full, PathBuf::from("/"))],
            door_only: false,
        };
        rules.enforce(None).unwrap_or(0)
    };
    std::thread::spawn(attempt).join().unwrap_or(0)
}

fn enforced_level(status: &RestrictionStatus) -> u32 {
    match status.ruleset {
        RulesetStatus::NotEnforced => 0,
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => {
            effective_level(status.landlock)
        }
    }
}

fn effective_level(status: LandlockStatus) -> u32 {
    match status {
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        LandlockStatus::Available { effective_abi, .. } => {
            // The rules use no rights of newer versions.
            let effective = effective_abi.min(NEWEST_ABI);
            effective.to_string().parse().unwrap_or(0)
        }
    }
}

/// Opens a path to name it in a rule; `None` if it does not exist.
///
/// Only parts of the operating system may be links (`/bin`). If a link replaced a directory that the
/// role may write, the rule would apply to another directory.
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
    let stat = stat.map_err(|errno| format!("cannot inspect {}: {errno}", path.display()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Err(format!("{} is a symbolic link", path.display())),
        kind => Ok(Some((opened, kind))),
    }
}

/// Returns the rights that apply to a file of this kind; the kernel refuses the others.
fn applicable_rights(rights: BitFlags<AccessFs>, kind: FileType) -> BitFlags<AccessFs> {
    if kind == FileType::Directory {
        rights
    } else {
        rights & AccessFs::from_file(NEWEST_ABI)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enforce(rules: LandlockRules) -> Result<u32, String> {
        let thread = std::thread::spawn(move || rules.enforce(None));
        thread.join().unwrap()
    }

    #[test]
    fn rules_parse_from_their_own_words_and_malformed_words_do_not() {
        let rules = LandlockRules {
            min_level: 3,
            paths: PathAccess::ALL
                .map(|(access, word)| (access, Path::new("/").join(word)))
                .to_vec(),
            door_only: true,
        };
        assert_eq!(LandlockRules::parse(&rules.to_words()), Some(rules));
        for wrong in [
            &["x", "door"][..],
            &["1", "x"],
            &["1", "door", "own"],
            &["1"],
        ] {
            let words: Vec<OsString> = wrong.iter().map(Into::into).collect();
            assert_eq!(LandlockRules::parse(&words), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_access_parses_from_its_keyword() {
        for (access, word) in PathAccess::ALL {
            assert_eq!(
                (PathAccess::from_keyword(OsStr::new(word)), access.keyword()),
                (Some(access), word)
            );
        }
    }

    #[test]
    fn a_link_in_place_of_a_granted_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("docs")).unwrap();
        let rules = LandlockRules {
            min_level: 0,
            paths: vec![(PathAccess::Full, dir.path().join("docs"))],
            door_only: false,
        };
        assert!(enforce(rules).unwrap_err().contains("is a symbolic link"));
    }

    #[test]
    fn a_kernel_below_the_required_level_is_refused() {
        let rules = LandlockRules {
            min_level: 99,
            paths: Vec::new(),
            door_only: false,
        };
        assert!(enforce(rules).unwrap_err().contains("99 is required"));
    }
}

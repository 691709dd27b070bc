//! The Landlock rules of a sandbox, derived from its specification.

use std::path::PathBuf;

use crate::inside::landlock_rules::{LandlockRules, PathAccess};
use crate::inside::seccomp::AllowedSockets;
use crate::plan::mounts::OWN_PROGRAM;
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::FileAccess;
use crate::spec::SandboxSpec;

/// What the rules grant, by path.
type PathRules = Vec<(PathAccess, PathBuf)>;

/// Returns the rules for a sandbox of `spec`; `None` if the layer is disabled. `min_level` is the
/// lowest Landlock version that is accepted.
///
/// A rule covers everything below its path, mounts included, and no rule can take back what another
/// one grants. A role without a shell therefore gets no access to `/tmp`, below which the data
/// directory may lie: it has a temporary directory of its own. Programs that are started from a
/// shell expect `/tmp`; they run only where all of the clone is writable anyway.
pub(crate) fn plan_landlock(spec: &SandboxSpec, min_level: u32) -> Option<LandlockRules> {
    spec.is_enabled(ProtectionLayer::Landlock)
        .then(|| LandlockRules {
            min_level,
            paths: plan_paths(spec),
            door_only: spec.profile.allowed_sockets() == AllowedSockets::Tcp,
        })
}

fn plan_paths(spec: &SandboxSpec) -> PathRules {
    let own = own_access(spec);
    let mut paths = system_paths();
    for tool in &spec.tool_binaries {
        let real = tool.canonicalize().unwrap_or_else(|_| tool.clone());
        paths.push((PathAccess::Run, real));
    }
    if spec.profile.has_shell() {
        paths.extend(["/tmp", "/dev/shm"].map(|path| (own, path.into())));
    }
    paths.extend([&spec.home, &spec.tmp].map(|path| (own, path.clone())));
    paths.extend(workspace_paths(spec));
    paths
}

/// Returns the access to the paths that the program may write.
fn own_access(spec: &SandboxSpec) -> PathAccess {
    if spec.profile.has_shell() {
        PathAccess::Full
    } else {
        PathAccess::Write
    }
}

/// Returns the parts of the operating system that every sandbox may use.
fn system_paths() -> PathRules {
    let mut paths = vec![(PathAccess::List, PathBuf::from("/"))];
    for path in [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ] {
        paths.push((PathAccess::Run, path.into()));
    }
    paths.push((PathAccess::Run, OWN_PROGRAM.into()));
    paths.push((PathAccess::Read, "/etc".into()));
    paths.push((PathAccess::Read, "/proc".into()));
    paths.push((PathAccess::Device, "/dev".into()));
    paths
}

fn workspace_paths(spec: &SandboxSpec) -> PathRules {
    let own = own_access(spec);
    let read = if spec.profile.has_shell() {
        PathAccess::Run
    } else {
        PathAccess::Read
    };
    let path = &spec.workspace;
    match spec.profile.file_access() {
        FileAccess::Full => vec![(own, path.clone())],
        FileAccess::Read => vec![(read, path.clone())],
        FileAccess::Write(prefixes) => {
            let below = prefixes.iter().map(|prefix| (own, path.join(prefix)));
            std::iter::once((read, path.clone())).chain(below).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::path::Path;

    use super::*;
    use crate::spec::SandboxProfile;
    use crate::workspace_dirs::WorkspaceDirs;
    use eklavya_core::agent::role::Role;

    fn plan(role: Role, root: &Path, min_level: u32) -> LandlockRules {
        let dirs = WorkspaceDirs::below(root);
        let spec = SandboxSpec::new(SandboxProfile::Agent(role), &dirs);
        plan_landlock(&spec, min_level).unwrap()
    }

    #[test]
    fn the_rules_of_every_role_parse_from_their_own_words() {
        for role in Role::ALL {
            let rules = plan(role, Path::new("/x"), 3);
            assert_eq!(LandlockRules::parse(&rules.to_words()), Some(rules));
        }
    }

    #[test]
    fn an_architect_can_write_documents_but_not_sources() {
        let dir = tempfile::tempdir().unwrap();
        let clone = WorkspaceDirs::below(dir.path()).clone;
        for name in ["src", "docs"] {
            fs::create_dir_all(clone.join(name)).unwrap();
        }
        let rules = plan(Role::Architect, dir.path(), 1);
        // Landlock restricts only the thread that enforces the rules.
        let restricted = std::thread::spawn(move || {
            rules.enforce(None).unwrap();
            ["src/a", "docs/a"].map(|name| fs::write(clone.join(name), ""))
        });
        let [src, docs] = restricted.join().unwrap();
        assert_eq!(src.unwrap_err().kind(), ErrorKind::PermissionDenied);
        docs.unwrap();
    }
}

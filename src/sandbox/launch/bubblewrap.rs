//! The command line of bubblewrap: namespaces, the root file system, and the planned mounts
//! ([`mounts`]).
//!
//! All options are passed through `--args FD`, so that no variable of the agent appears in a process
//! list. The host's directories are passed as descriptors (see [`crate::open_beneath`]).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::host_programs::HostPrograms;
use super::inherited_fds::InheritedFds;
use super::{enter, relay};
use crate::error::SandboxError;
use crate::inside::init;
use crate::inside::init_config::{Enclosure, InitConfig};
use crate::plan::init_config::plan_init;
use crate::plan::mounts::{self, MountSource, OWN_PROGRAM, PlannedMount, TmpfsMode};
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::GitAccess;
use crate::spec::{KernelRequirements, MountAccess, ProgramSpec, SandboxProfile, SandboxSpec};
use crate::user::{self, SandboxUser};
use eklavya_core::process;

/// The path of git for the roles without a shell.
const GIT: &str = "/usr/bin/git";

/// The entries of /etc that programs read. None of them is secret; no other entry is mounted.
const ETC_WITH_SHELL: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
];
/// The files in which Chromium and Chrome look for the policies of the machine's administrator.
const BROWSER_POLICIES: [&str; 2] = [
    "/etc/chromium/policies/managed/eklavya.json",
    "/etc/opt/chrome/policies/managed/eklavya.json",
];
/// A second layer: the sandbox prevents everything that these policies forbid as well. They allow web
/// addresses only, and no downloads, no traffic past the proxy, no extensions, and no stored or reported
/// data.
const BROWSER_POLICY: &str = r#"{
  "URLBlocklist": ["*"],
  "URLAllowlist": ["http://*", "ws://*", "about:blank", "blob:*"],
  "DownloadRestrictions": 3,
  "WebRtcIPHandling": "disable_non_proxied_udp",
  "QuicAllowed": false,
  "DnsOverHttpsMode": "off",
  "BuiltInDnsClientEnabled": false,
  "ExtensionInstallBlocklist": ["*"],
  "DefaultGeolocationSetting": 2,
  "DefaultNotificationsSetting": 2,
  "DefaultWebUsbGuardSetting": 2,
  "DefaultFileSystemReadGuardSetting": 2,
  "DefaultFileSystemWriteGuardSetting": 2,
  "AudioCaptureAllowed": false,
  "VideoCaptureAllowed": false,
  "ScreenCaptureAllowed": false,
  "PasswordManagerEnabled": false,
  "SyncDisabled": true,
  "MetricsReportingEnabled": false,
  "SafeBrowsingProtectionLevel": 0,
  "BackgroundModeEnabled": false,
  "ComponentUpdatesEnabled": false
}
"#;
const ETC_WITHOUT_SHELL: &[&str] = &["ld.so.cache", "localtime", "timezone"];

/// Returns `sandbox-run … bwrap … sandbox-init … program`. bubblewrap reports to `status`.
pub(crate) fn command(
    programs: &HostPrograms,
    requirements: KernelRequirements,
    bwrap: &Path,
    spec: &SandboxSpec,
    program: &ProgramSpec,
    status: Option<OwnedFd>,
) -> Result<Command, SandboxError> {
    let user = user::resolve_user(spec.user)?;
    let mut builder = BwrapBuilder {
        args: Vec::new(),
        fds: InheritedFds::default(),
        staged: user.is_some().then(Vec::new),
    };
    builder.add_namespaces(spec);
    builder.add_root_filesystem(programs, spec, user.unwrap_or_else(user::current_user))?;
    for mount in mounts::plan_mounts(&programs.exe, spec, user)? {
        builder.mount(mount)?;
    }
    if spec.is_enabled(ProtectionLayer::Mounts) {
        builder.remount_read_only(Path::new("/dev"));
        builder.remount_read_only(Path::new("/"));
    }
    builder.set_environment(spec, program, status)?;
    let config = plan_init(spec, program, Enclosure::Sandbox, requirements);
    builder.into_command(&programs.exe, bwrap, user, &config)
}

struct BwrapBuilder {
    args: Vec<OsString>,
    fds: InheritedFds,
    /// The descriptors that `sandbox-enter` mounts at paths that bubblewrap can open; `None` if this
    /// process is not root.
    ///
    /// bubblewrap turns a descriptor back into a path (0.8.0), and the unprivileged user often
    /// cannot walk that path: the data directory may be below /root or a directory of mode 0700.
    staged: Option<Vec<RawFd>>,
}

impl BwrapBuilder {
    fn add<const N: usize>(&mut self, args: [&OsStr; N]) {
        self.args.extend(args.into_iter().map(OsStr::to_owned));
    }

    fn add_flags(&mut self, flags: &str) {
        self.args
            .extend(flags.split_whitespace().map(OsString::from));
    }

    fn add_namespaces(&mut self, spec: &SandboxSpec) {
        self.add_flags("--unshare-user --unshare-all --die-with-parent --new-session");
        if spec.is_enabled(ProtectionLayer::UserNamespaces) {
            self.add_flags("--disable-userns");
        }
        self.add_flags("--cap-drop ALL --hostname sandbox --clearenv");
    }

    fn mount(&mut self, mount: PlannedMount) -> Result<(), SandboxError> {
        let path = &mount.path;
        match mount.source {
            MountSource::Program { opened, .. } => self.bind(MountAccess::Read, opened, path),
            MountSource::Host { opened, access, .. } => self.bind(access, opened, path),
            MountSource::Tmpfs { bytes, sharing } => {
                let mode = match sharing {
                    TmpfsMode::Sticky => "1777",
                    TmpfsMode::Private => "0700",
                };
                self.mount_tmpfs(mode, bytes, path);
                Ok(())
            }
            MountSource::Hidden { .. } => {
                self.mount_tmpfs("0555", Some(4096), path);
                self.remount_read_only(path);
                Ok(())
            }
        }
    }

    /// Mounts the file or directory that `source` refers to.
    fn bind(
        &mut self,
        access: MountAccess,
        source: OwnedFd,
        target: &Path,
    ) -> Result<(), SandboxError> {
        let fd = self.fds.pass(source)?;
        let (option, source) = match (&mut self.staged, access) {
            (Some(staged), access) => {
                staged.push(fd);
                let option = match access {
                    MountAccess::Read => "--ro-bind",
                    MountAccess::Write => "--bind",
                };
                (option, enter::staged_path(fd).into_os_string())
            }
            (None, MountAccess::Read) => ("--ro-bind-fd", OsString::from(fd.to_string())),
            (None, MountAccess::Write) => ("--bind-fd", OsString::from(fd.to_string())),
        };
        self.add([option.as_ref(), &source, target.as_ref()]);
        Ok(())
    }

    /// Mounts a part of the operating system, which only root can replace, at its own path.
    fn bind_system_path(&mut self, path: &Path) {
        self.add(["--ro-bind".as_ref(), path.as_ref(), path.as_ref()]);
    }

    fn bind_text(&mut self, target: &str, text: &str) -> Result<(), SandboxError> {
        let fd = self.fds.pass_text(text.as_bytes())?.to_string();
        self.add(["--ro-bind-data".as_ref(), fd.as_ref(), target.as_ref()]);
        Ok(())
    }

    fn mount_tmpfs(&mut self, mode: &str, bytes: Option<u64>, target: &Path) {
        self.add(["--perms".as_ref(), mode.as_ref()]);
        if let Some(bytes) = bytes {
            self.add(["--size".as_ref(), bytes.to_string().as_ref()]);
        }
        self.add(["--tmpfs".as_ref(), target.as_ref()]);
    }

    fn remount_read_only(&mut self, target: &Path) {
        self.add(["--remount-ro".as_ref(), target.as_ref()]);
    }

    /// Adds the programs or only the libraries, /etc, /proc and /dev.
    fn add_root_filesystem(
        &mut self,
        programs: &HostPrograms,
        spec: &SandboxSpec,
        user: SandboxUser,
    ) -> Result<(), SandboxError> {
        if spec.profile.has_shell() {
            self.bind_programs();
            self.bind_etc(ETC_WITH_SHELL);
        } else {
            self.bind_libraries(programs, spec)?;
            self.bind_etc(ETC_WITHOUT_SHELL);
        }
        self.add_accounts(spec, user)?;
        if spec.profile == SandboxProfile::Browser {
            for path in BROWSER_POLICIES {
                self.bind_text(path, BROWSER_POLICY)?;
            }
        }
        self.add_flags("--proc /proc");
        if spec.is_enabled(ProtectionLayer::Mounts) {
            self.add_flags("--ro-bind /proc/sys /proc/sys");
        }
        self.add_flags("--dev /dev");
        Ok(())
    }

    fn bind_programs(&mut self) {
        self.bind_system_path(Path::new("/usr"));
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            if let Ok(target) = fs::read_link(&path) {
                self.add(["--symlink".as_ref(), target.as_ref(), path.as_ref()]);
            } else if path.is_dir() {
                self.bind_system_path(&path);
            }
        }
    }

    /// Mounts git, and the libraries of git, of the tools and of `eklavya`; no shell and no other
    /// program, since the loader runs every program that it can read.
    fn bind_libraries(
        &mut self,
        programs: &HostPrograms,
        spec: &SandboxSpec,
    ) -> Result<(), SandboxError> {
        let mut mounted = vec![programs.exe.clone()];
        for tool in &spec.tool_binaries {
            if let Some(tool) = tool.canonicalize().ok().filter(|tool| tool.is_file()) {
                mounted.push(tool);
            }
        }
        let may_use_git = spec.profile.git_access() != Some(GitAccess::No);
        if let Some(git) = programs.git.as_ref().filter(|_| may_use_git) {
            self.add(["--ro-bind".as_ref(), git.as_ref(), GIT.as_ref()]);
            mounted.push(git.clone());
        }
        let mut needed = BTreeSet::new();
        for program in &mounted {
            needed.extend(programs.cached_libraries(program)?);
        }
        for library in &needed {
            self.bind_system_path(library);
        }
        Ok(())
    }

    fn bind_etc(&mut self, names: &[&str]) {
        let etc = Path::new("/etc");
        for path in names.iter().map(|name| etc.join(name)) {
            if path.exists() {
                self.bind_system_path(&path);
            }
        }
    }

    fn add_accounts(&mut self, spec: &SandboxSpec, user: SandboxUser) -> Result<(), SandboxError> {
        let SandboxUser { uid, gid } = user;
        let home = spec.home.display();
        self.bind_text(
            "/etc/passwd",
            &format!(
                "agent:x:{uid}:{gid}:agent:{home}:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
        )?;
        self.bind_text("/etc/group", &format!("agent:x:{gid}:\nnogroup:x:65534:\n"))?;
        self.bind_text("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n")?;
        self.bind_text(
            "/etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n",
        )
    }

    fn set_environment(
        &mut self,
        spec: &SandboxSpec,
        program: &ProgramSpec,
        status: Option<OwnedFd>,
    ) -> Result<(), SandboxError> {
        for (name, value) in &program.env {
            self.add(["--setenv".as_ref(), name, value]);
        }
        let cwd: &PathBuf = program.cwd.as_ref().unwrap_or(&spec.workspace);
        self.add(["--chdir".as_ref(), cwd.as_ref()]);
        if let Some(status) = status {
            let fd = self.fds.pass(status)?.to_string();
            self.add(["--json-status-fd".as_ref(), fd.as_ref()]);
        }
        Ok(())
    }

    fn into_command(
        mut self,
        exe: &Path,
        bwrap: &Path,
        user: Option<SandboxUser>,
        config: &InitConfig,
    ) -> Result<Command, SandboxError> {
        let args = self.fds.pass_args(&self.args)?.to_string();
        let staged = self.staged.unwrap_or_default();
        let mut command = process::new_command(exe);
        command.args(relay::arguments(user, &staged, bwrap));
        command
            .args(["--args", &args, "--", OWN_PROGRAM, init::NAME])
            .args(config.to_words());
        // Not the terminal's foreground group, which gets Ctrl-C: the owner decides when agents end.
        command.process_group(0);
        self.fds.attach(&mut command)?;
        Ok(command)
    }
}

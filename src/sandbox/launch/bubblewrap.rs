//! The command line of bubblewrap: namespaces, the root file system, and the planned mounts
//! ([`super::mounts`]).
//!
//! Everything but the inner command goes through `--args FD`, so that no variable of the agent's
//! shows up in a process list. The host's directories go in by descriptor (see [`super::open`]).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{enter, relay};
use crate::error::SandboxError;
use crate::inside::init;
use crate::launch::inherited_fds::InheritedFds;
use crate::plan::mounts::{self, MountSource, OWN_PROGRAM, PlannedMount, TmpfsMode};
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::GitAccess;
use crate::spec::{MountAccess, ProgramSpec, SandboxProfile, SandboxSpec, SandboxUser};
use crate::{Sandbox, workspace_dirs};
use eklavya_core::process;

/// Where the roles without a shell find git.
const GIT: &str = "/usr/bin/git";

/// What programs read of /etc, none of it secret. Everything else there stays outside.
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
/// Where Chromium and Chrome look for the rules of whoever runs the machine.
const BROWSER_POLICIES: [&str; 2] = [
    "/etc/chromium/policies/managed/eklavya.json",
    "/etc/opt/chrome/policies/managed/eklavya.json",
];
/// A second layer: what these forbid, the sandbox leaves no way to do either. No addresses but those
/// of the web, no downloads, no traffic beside the proxy, no extensions, nothing kept or told.
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

/// Returns `sandbox-run … bwrap … sandbox-init … inner`.
pub(crate) fn command(
    sandbox: &Sandbox,
    bwrap: &Path,
    spec: &SandboxSpec,
    inner: &ProgramSpec,
    status: Option<OwnedFd>,
) -> Result<Command, SandboxError> {
    let user = resolve_user(spec)?;
    let mut builder = BwrapBuilder {
        args: Vec::new(),
        fds: InheritedFds::default(),
        staged: user.is_some().then(Vec::new),
    };
    builder.add_namespaces(spec);
    builder.add_root_filesystem(
        sandbox,
        spec,
        user.unwrap_or_else(workspace_dirs::current_user),
    )?;
    for mount in mounts::plan_mounts(&sandbox.exe, spec, user)? {
        builder.mount(mount)?;
    }
    if spec.is_enabled(ProtectionLayer::Mounts) {
        builder.remount_read_only(Path::new("/dev"));
        builder.remount_read_only(Path::new("/"));
    }
    builder.set_environment(spec, inner, status)?;
    builder.into_command(
        sandbox,
        bwrap,
        user,
        init::arguments(spec, inner, init::Enclosure::Sandbox, sandbox.requirements),
    )
}

/// Returns whom to become: somebody for root, nobody else for anybody else.
pub(crate) fn resolve_user(spec: &SandboxSpec) -> Result<Option<SandboxUser>, SandboxError> {
    if !workspace_dirs::is_root() {
        return Ok(None);
    }
    match spec.user {
        Some(user) if user.uid != 0 && user.gid != 0 => Ok(Some(user)),
        _ => Err(SandboxError::RootWithoutUser),
    }
}

struct BwrapBuilder {
    args: Vec<OsString>,
    fds: InheritedFds,
    /// Descriptors that `sandbox-enter` mounts where bubblewrap finds them, if it goes in front.
    ///
    /// bubblewrap turns a descriptor back into a path (0.8.0), and the unprivileged user often
    /// cannot walk that path: the data directory may lie below /root or a directory of mode 0700.
    staged: Option<Vec<RawFd>>,
}

impl BwrapBuilder {
    fn add<const N: usize>(&mut self, args: [&OsStr; N]) {
        self.args.extend(args.into_iter().map(OsStr::to_owned));
    }

    fn add_flags(&mut self, words: &str) {
        self.args
            .extend(words.split_whitespace().map(OsString::from));
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

    /// Mounts what `source` stands for.
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

    /// Mounts a part of the operating system, which nobody but root can replace, at its own path.
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

    /// The root file system: programs or just libraries, /etc, /proc and /dev.
    fn add_root_filesystem(
        &mut self,
        sandbox: &Sandbox,
        spec: &SandboxSpec,
        user: SandboxUser,
    ) -> Result<(), SandboxError> {
        if spec.profile.has_shell() {
            self.bind_programs();
            self.bind_etc(ETC_WITH_SHELL);
        } else {
            self.bind_libraries(sandbox, spec)?;
            self.bind_etc(ETC_WITHOUT_SHELL);
        }
        self.add_accounts(spec, user)?;
        if spec.profile == SandboxProfile::Browser {
            for place in BROWSER_POLICIES {
                self.bind_text(place, BROWSER_POLICY)?;
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

    /// git and the libraries of what will run; no shell and no other program.
    ///
    /// Not even readable ones: the loader runs whatever it can read.
    fn bind_libraries(
        &mut self,
        sandbox: &Sandbox,
        spec: &SandboxSpec,
    ) -> Result<(), SandboxError> {
        let mut programs = vec![sandbox.exe.clone()];
        for tool in &spec.tool_binaries {
            if let Some(tool) = tool.canonicalize().ok().filter(|tool| tool.is_file()) {
                programs.push(tool);
            }
        }
        if let (Some(git), false) = (
            &sandbox.git,
            spec.profile.git_access() == Some(GitAccess::No),
        ) {
            self.add(["--ro-bind".as_ref(), git.as_ref(), GIT.as_ref()]);
            programs.push(git.clone());
        }
        let mut needed = Vec::new();
        for program in &programs {
            needed.extend(sandbox.cached_libraries(program)?);
        }
        needed.sort();
        needed.dedup();
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
        inner: &ProgramSpec,
        status: Option<OwnedFd>,
    ) -> Result<(), SandboxError> {
        for (name, value) in &inner.env {
            self.add(["--setenv".as_ref(), name, value]);
        }
        let cwd: &PathBuf = inner.cwd.as_ref().unwrap_or(&spec.workspace);
        self.add(["--chdir".as_ref(), cwd.as_ref()]);
        if let Some(status) = status {
            let fd = self.fds.pass(status)?.to_string();
            self.add(["--json-status-fd".as_ref(), fd.as_ref()]);
        }
        Ok(())
    }

    fn into_command(
        mut self,
        sandbox: &Sandbox,
        bwrap: &Path,
        user: Option<SandboxUser>,
        init: Vec<OsString>,
    ) -> Result<Command, SandboxError> {
        let args = self.fds.pass_args(&self.args)?.to_string();
        let staged = self.staged.unwrap_or_default();
        let mut command = process::new_command(&sandbox.exe);
        command.args(relay::arguments(user, &staged, bwrap));
        command
            .args(["--args", &args, "--", OWN_PROGRAM])
            .args(init);
        // Ctrl-C in a terminal goes to its foreground group; agents end when their owner says so.
        command.process_group(0);
        self.fds.attach(&mut command)?;
        Ok(command)
    }
}

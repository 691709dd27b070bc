//! The description of a container: the specification in the engine's words.
//!
//! The host's directories are opened here without following links; what the engine mounts later, by
//! path, is compared with them inside ([`super::inspect`]).

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountType,
};

use super::super::bubblewrap::OWN_PROGRAM;
use super::super::error::SandboxError;
use super::super::guard::Guard;
use super::super::policy::{FileAccess, GitAccess};
use super::super::spec::{Profile, Spec, User};
use super::super::{Sandbox, init, open};
use super::inspect::{Expected, What};
use super::stage::{Stage, text};
use super::{Docker, TAKE_OVER, link};

/// The options of an empty file system that hides what is under it.
const HIDDEN: &str = "ro,size=4096,mode=0555";

/// What nobody inside can look into: what the engine masks where it is told nothing (20.10 to 29),
/// and the devices and settings of the machine in `/sys`.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys",
];

/// A description, and what has to be found in the container.
pub(super) struct Description {
    pub body: ContainerCreateBody,
    pub expected: Vec<Expected>,
}

/// Returns the description for a sandbox of `spec`, whose processes run as `user`. `owner` is whom
/// directories that are made on the host are given to.
pub(super) fn describe(
    sandbox: &Sandbox,
    docker: &Docker,
    stage: &Stage,
    spec: &Spec,
    user: User,
    owner: Option<User>,
) -> Result<Description, SandboxError> {
    let mut builder = Builder::default();
    builder.system(sandbox, stage, spec)?;
    builder.without_git(spec);
    builder.temporary(spec, user)?;
    builder.directories(spec, owner)?;
    let image = if spec.profile.has_shell() {
        &docker.images.shell
    } else {
        &docker.images.bare
    };
    let body = ContainerCreateBody {
        image: Some(image.clone()),
        user: Some(format!("{}:{}", user.uid, user.gid)),
        hostname: Some("sandbox".to_owned()),
        entrypoint: Some(vec![OWN_PROGRAM.to_owned()]),
        cmd: Some(vec![init::NAME.to_owned(), TAKE_OVER.to_owned()]),
        working_dir: Some("/".to_owned()),
        network_disabled: Some(true),
        // Whatever the base image says.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        labels: Some(docker.labels(spec)),
        host_config: Some(builder.host(docker, spec)),
        ..ContainerCreateBody::default()
    };
    Ok(Description {
        body,
        expected: builder.expected,
    })
}

#[derive(Default)]
struct Builder {
    mounts: Vec<Mount>,
    tmpfs: HashMap<String, String>,
    expected: Vec<Expected>,
}

impl Builder {
    /// Mounts what nobody but the caller can replace.
    fn trusted(&mut self, source: &Path, target: &str) -> Result<(), SandboxError> {
        self.mount(source, target.to_owned(), true)
    }

    fn mount(
        &mut self,
        source: &Path,
        target: String,
        read_only: bool,
    ) -> Result<(), SandboxError> {
        self.mounts.push(Mount {
            typ: Some(MountType::BIND),
            source: Some(text(source)?),
            target: Some(target),
            read_only: Some(read_only),
            bind_options: Some(MountBindOptions {
                non_recursive: Some(true),
                ..MountBindOptions::default()
            }),
            ..Mount::default()
        });
        Ok(())
    }

    /// Mounts a directory of the specification, which was opened as `fd`; below `base` an agent may
    /// have put links.
    fn bind(
        &mut self,
        fd: &OwnedFd,
        path: &Path,
        base: &Path,
        writable: bool,
    ) -> Result<(), SandboxError> {
        self.mount(path, text(path)?, !writable)?;
        self.expected
            .push(Expected::mounted(fd, path, base, writable)?);
        Ok(())
    }

    fn system(
        &mut self,
        sandbox: &Sandbox,
        stage: &Stage,
        spec: &Spec,
    ) -> Result<(), SandboxError> {
        self.trusted(&real(&sandbox.exe)?, OWN_PROGRAM)?;
        self.trusted(&stage.link(), link::DIRECTORY)?;
        self.trusted(&stage.passwd(), "/etc/passwd")?;
        self.trusted(&stage.group(), "/etc/group")?;
        for tool in &spec.tool_binaries {
            let tool = real(tool)?;
            self.trusted(&tool, &text(&tool)?)?;
        }
        Ok(())
    }

    /// Takes away what the image has and the role may not use.
    fn without_git(&mut self, spec: &Spec) {
        if spec.profile.git() == Some(GitAccess::No) && !spec.profile.has_shell() {
            // git is all that is there.
            self.tmpfs.insert("/usr/bin".to_owned(), HIDDEN.to_owned());
        }
    }

    fn temporary(&mut self, spec: &Spec, user: User) -> Result<(), SandboxError> {
        let size = if spec.has(Guard::Limits) {
            format!(",size={}", spec.tmp_bytes)
        } else {
            String::new()
        };
        let common = format!("rw,exec,nosuid,nodev{size}");
        self.tmpfs
            .insert("/tmp".to_owned(), format!("{common},mode=1777"));
        let User { uid, gid } = user;
        self.tmpfs.insert(
            text(&spec.tmp)?,
            format!("{common},mode=0700,uid={uid},gid={gid}"),
        );
        Ok(())
    }

    fn directories(&mut self, spec: &Spec, owner: Option<User>) -> Result<(), SandboxError> {
        self.workspace(spec, owner)?;
        let home = open::directory(&spec.home)?;
        self.bind(&home, &spec.home, &spec.home, true)?;
        if let Some(door) = &spec.door {
            let writable = match spec.profile {
                Profile::Preview { .. } => true,
                Profile::Agent(_) | Profile::Command(_) | Profile::Browser => {
                    !spec.has(Guard::Mounts)
                }
            };
            self.bind(&open::directory(door)?, door, door, writable)?;
        }
        Ok(())
    }

    fn workspace(&mut self, spec: &Spec, owner: Option<User>) -> Result<(), SandboxError> {
        let path = &spec.workspace;
        let workspace = open::directory(path)?;
        if !spec.has(Guard::Mounts) {
            return self.bind(&workspace, path, path, true);
        }
        match spec.profile.files() {
            FileAccess::Full => self.bind(&workspace, path, path, true)?,
            FileAccess::Read => self.bind(&workspace, path, path, false)?,
            FileAccess::Write(prefixes) => {
                self.bind(&workspace, path, path, false)?;
                for prefix in prefixes {
                    let below = Path::new(prefix);
                    let opened = open::make_beneath(&workspace, path, below, owner)?;
                    self.bind(&opened, &path.join(below), path, true)?;
                }
            }
        }
        match spec.profile.git() {
            Some(access) => self.git(access, &workspace, path, owner),
            None => Ok(()),
        }
    }

    /// Makes `.git` a mount of its own, so that it cannot be moved aside either.
    fn git(
        &mut self,
        access: GitAccess,
        workspace: &OwnedFd,
        path: &Path,
        owner: Option<User>,
    ) -> Result<(), SandboxError> {
        let Some(git) = open::beneath(workspace, path, Path::new(".git"))? else {
            return Ok(());
        };
        let target = path.join(".git");
        match access {
            GitAccess::No => {
                self.tmpfs.insert(text(&target)?, HIDDEN.to_owned());
                self.expected.push(Expected {
                    path: target,
                    base: path.to_owned(),
                    what: What::Hidden,
                });
            }
            GitAccess::Read => self.bind(&git, &target, path, false)?,
            GitAccess::Full => {
                // Whoever writes these two makes git run programs.
                let hooks = open::make_beneath(&git, &target, Path::new("hooks"), owner)?;
                let config = open::beneath(&git, &target, Path::new("config"))?;
                self.bind(&git, &target, path, true)?;
                self.bind(&hooks, &target.join("hooks"), path, false)?;
                if let Some(config) = config {
                    self.bind(&config, &target.join("config"), path, false)?;
                }
            }
        }
        Ok(())
    }

    fn host(&mut self, docker: &Docker, spec: &Spec) -> HostConfig {
        let mut host = HostConfig {
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("private".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            readonly_rootfs: Some(spec.has(Guard::Mounts)),
            masked_paths: Some(MASKED.map(str::to_owned).into()),
            // Gone when it ends, whoever is there to see it.
            auto_remove: Some(true),
            // What the program says goes to its own streams; this is what the engine would keep.
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            mounts: Some(std::mem::take(&mut self.mounts)),
            tmpfs: Some(std::mem::take(&mut self.tmpfs)),
            ..HostConfig::default()
        };
        if spec.has(Guard::Limits) {
            docker.settings.limits.apply(&mut host);
            host.shm_size = i64::try_from(spec.tmp_bytes).ok();
        }
        host
    }
}

fn real(path: &Path) -> Result<PathBuf, SandboxError> {
    path.canonicalize().map_err(|source| SandboxError::Open {
        path: path.to_owned(),
        source,
    })
}

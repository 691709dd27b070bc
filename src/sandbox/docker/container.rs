//! The description of a container for the engine: the planned mounts ([`mounts`]) and the limits.
//!
//! The host's directories were opened without following links. The engine mounts them later, by path;
//! `sandbox-init` compares the mounts with the opened directories
//! ([`crate::inside::container::mount_check`]).

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountType,
};

use super::DockerBackend;
use super::container_dir::{ContainerDir, path_text};
use crate::error::SandboxError;
use crate::inside::container::container_link;
use crate::inside::container::mount_check::{ExpectedMount, ExpectedSource};
use crate::inside::init;
use crate::inside::init_config::TAKE_OVER;
use crate::open_beneath;
use crate::plan::mounts::{self, MountSource, OWN_PROGRAM, PlannedMount, SHARED_MEMORY, TmpfsMode};
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::GitAccess;
use crate::spec::{MountAccess, SandboxSpec};
use crate::user::SandboxUser;

/// The options of an empty file system that hides the directory below it.
const HIDDEN: &str = "ro,size=4096,mode=0555";

/// The paths that no process inside can read: those that the engine masks by default (20.10 to 29), and
/// the devices and settings of the machine in `/sys`.
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

/// A description, and the mounts that `sandbox-init` must find in the container.
pub(super) struct ContainerDescription {
    pub body: ContainerCreateBody,
    pub expected: Vec<ExpectedMount>,
}

/// Returns the description for a sandbox of `spec`, whose processes run as `user`. Directories that are
/// created on the host get `owner`. `exe` is the `eklavya` program.
pub(super) fn describe(
    exe: &Path,
    docker: &DockerBackend,
    directory: &ContainerDir,
    spec: &SandboxSpec,
    user: SandboxUser,
    owner: Option<SandboxUser>,
) -> Result<ContainerDescription, SandboxError> {
    let mut builder = ContainerBuilder::default();
    builder.bind_container_dir(directory)?;
    builder.hide_git(spec);
    for planned in mounts::plan_mounts(exe, spec, owner)? {
        builder.add_mount(planned, user)?;
    }
    let body = ContainerCreateBody {
        image: Some(select_image(docker, spec)),
        user: Some(format!("{}:{}", user.uid, user.gid)),
        hostname: Some("sandbox".to_owned()),
        entrypoint: Some(vec![OWN_PROGRAM.to_owned()]),
        cmd: Some(vec![init::NAME.to_owned(), TAKE_OVER.to_owned()]),
        working_dir: Some("/".to_owned()),
        network_disabled: Some(true),
        healthcheck: Some(no_health_check()),
        labels: Some(docker.labels(spec)),
        host_config: Some(builder.host_config(docker, spec)),
        ..ContainerCreateBody::default()
    };
    Ok(ContainerDescription {
        body,
        expected: builder.expected,
    })
}

fn select_image(docker: &DockerBackend, spec: &SandboxSpec) -> String {
    let images = &docker.images;
    let image = if spec.profile.has_shell() {
        &images.shell
    } else {
        &images.bare
    };
    image.clone()
}

/// The base image may define a health check.
fn no_health_check() -> HealthConfig {
    HealthConfig {
        test: Some(vec!["NONE".to_owned()]),
        ..HealthConfig::default()
    }
}

#[derive(Default)]
struct ContainerBuilder {
    mounts: Vec<Mount>,
    tmpfs: HashMap<String, String>,
    expected: Vec<ExpectedMount>,
}

impl ContainerBuilder {
    fn add_mount(&mut self, planned: PlannedMount, user: SandboxUser) -> Result<(), SandboxError> {
        let path = path_text(&planned.path)?;
        match planned.source {
            MountSource::Program { source, .. } => {
                self.bind_mount(&source, path, MountAccess::Read)
            }
            MountSource::Host {
                opened,
                base,
                access,
            } => {
                self.bind_mount(&planned.path, path, access)?;
                self.expected
                    .push(expect_mount(&opened, &planned.path, &base, access)?);
                Ok(())
            }
            // The engine mounts this one itself, see `shm_size`.
            MountSource::Tmpfs { .. } if path == SHARED_MEMORY => Ok(()),
            MountSource::Tmpfs { bytes, sharing } => {
                self.tmpfs.insert(path, tmpfs_options(bytes, sharing, user));
                Ok(())
            }
            MountSource::Hidden { base } => {
                self.tmpfs.insert(path, HIDDEN.to_owned());
                self.expected.push(ExpectedMount {
                    path: planned.path,
                    base,
                    source: ExpectedSource::Hidden,
                });
                Ok(())
            }
        }
    }

    fn bind_mount(
        &mut self,
        source: &Path,
        target: String,
        access: MountAccess,
    ) -> Result<(), SandboxError> {
        self.mounts.push(Mount {
            typ: Some(MountType::BIND),
            source: Some(path_text(source)?),
            target: Some(target),
            read_only: Some(access == MountAccess::Read),
            bind_options: Some(MountBindOptions {
                non_recursive: Some(true),
                ..MountBindOptions::default()
            }),
            ..Mount::default()
        });
        Ok(())
    }

    /// Mounts the files that were created for the container on the host.
    fn bind_container_dir(&mut self, directory: &ContainerDir) -> Result<(), SandboxError> {
        for (source, target) in [
            (directory.link_path(), container_link::DIRECTORY),
            (directory.passwd_path(), "/etc/passwd"),
            (directory.group_path(), "/etc/group"),
        ] {
            self.bind_mount(&source, target.to_owned(), MountAccess::Read)?;
        }
        Ok(())
    }

    /// Hides git from the roles that may not use it.
    fn hide_git(&mut self, spec: &SandboxSpec) {
        if spec.profile.git_access() == Some(GitAccess::No) && !spec.profile.has_shell() {
            // The image without a shell has no program but git there.
            self.tmpfs.insert("/usr/bin".to_owned(), HIDDEN.to_owned());
        }
    }

    fn host_config(&mut self, docker: &DockerBackend, spec: &SandboxSpec) -> HostConfig {
        let mut host = HostConfig {
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("private".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            readonly_rootfs: Some(spec.is_enabled(ProtectionLayer::Mounts)),
            masked_paths: Some(MASKED.map(str::to_owned).into()),
            // The engine removes the container when it ends, even if the relay has ended before.
            auto_remove: Some(true),
            // The program writes to its own streams; the engine must not keep a copy.
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            mounts: Some(std::mem::take(&mut self.mounts)),
            tmpfs: Some(std::mem::take(&mut self.tmpfs)),
            ..HostConfig::default()
        };
        if spec.is_enabled(ProtectionLayer::Limits) {
            docker.settings.limits.apply(&mut host);
            host.shm_size = i64::try_from(spec.tmp_bytes).ok();
        }
        host
    }
}

/// Returns the mount that `sandbox-init` must find at `path`: the file or directory `opened`.
fn expect_mount(
    opened: &OwnedFd,
    path: &Path,
    base: &Path,
    access: MountAccess,
) -> Result<ExpectedMount, SandboxError> {
    let stat = rustix::fs::fstat(opened).map_err(|errno| open_beneath::open_error(path, errno))?;
    Ok(ExpectedMount {
        path: path.to_owned(),
        base: base.to_owned(),
        source: ExpectedSource::Mounted {
            device: stat.st_dev,
            inode: stat.st_ino,
            writable: access == MountAccess::Write,
        },
    })
}

/// Returns the options of a file system in memory.
fn tmpfs_options(bytes: Option<u64>, sharing: TmpfsMode, user: SandboxUser) -> String {
    let size = bytes.map_or_else(String::new, |bytes| format!(",size={bytes}"));
    let mode = match sharing {
        TmpfsMode::Sticky => "1777".to_owned(),
        TmpfsMode::Private => format!("0700,uid={},gid={}", user.uid, user.gid),
    };
    format!("rw,exec,nosuid,nodev{size},mode={mode}")
}

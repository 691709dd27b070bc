//! The description of a container: the planned mounts ([`super::super::mounts`]) and the limits in the
//! engine's words.
//!
//! The host's directories were opened without following links; what the engine mounts later, by path,
//! is compared with them inside ([`super::inspect`]).

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountType,
};

use super::super::Sandbox;
use super::super::error::SandboxError;
use super::super::spec::{MountAccess, SandboxSpec, SandboxUser};
use super::{DockerBackend, TAKE_OVER};
use crate::docker::container_dir::{ContainerDir, path_text};
use crate::inside::container::container_link;
use crate::inside::container::mount_check::{ExpectedMount, ExpectedSource};
use crate::inside::init;
use crate::plan::mounts::{self, OWN_PROGRAM, SHARED_MEMORY, TmpfsMode};
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::GitAccess;

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
pub(super) struct ContainerDescription {
    pub body: ContainerCreateBody,
    pub expected: Vec<ExpectedMount>,
}

/// Returns the description for a sandbox of `spec`, whose processes run as `user`. `owner` is whom
/// directories that are made on the host are given to.
pub(super) fn describe(
    sandbox: &Sandbox,
    docker: &DockerBackend,
    stage: &ContainerDir,
    spec: &SandboxSpec,
    user: SandboxUser,
    owner: Option<SandboxUser>,
) -> Result<ContainerDescription, SandboxError> {
    let mut builder = ContainerBuilder::default();
    builder.bind_container_dir(stage)?;
    builder.hide_git(spec);
    for planned in mounts::plan_mounts(&sandbox.exe, spec, owner)? {
        builder.add_mount(planned, user)?;
    }
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
        host_config: Some(builder.host_config(docker, spec)),
        ..ContainerCreateBody::default()
    };
    Ok(ContainerDescription {
        body,
        expected: builder.expected,
    })
}

#[derive(Default)]
struct ContainerBuilder {
    mounts: Vec<Mount>,
    tmpfs: HashMap<String, String>,
    expected: Vec<ExpectedMount>,
}

impl ContainerBuilder {
    fn add_mount(
        &mut self,
        planned: mounts::PlannedMount,
        user: SandboxUser,
    ) -> Result<(), SandboxError> {
        let path = path_text(&planned.path)?;
        match planned.source {
            mounts::MountSource::Program { source, .. } => {
                self.bind_mount(&source, path, MountAccess::Read)
            }
            mounts::MountSource::Host {
                opened,
                base,
                access,
            } => {
                self.bind_mount(&planned.path, path, access)?;
                let writable = access == MountAccess::Write;
                let expected = ExpectedMount::for_mount(&opened, &planned.path, &base, writable)?;
                self.expected.push(expected);
                Ok(())
            }
            // The engine makes it itself, see `shm_size`.
            mounts::MountSource::Tmpfs { .. } if path == SHARED_MEMORY => Ok(()),
            mounts::MountSource::Tmpfs { bytes, sharing } => {
                self.tmpfs.insert(path, tmpfs_options(bytes, sharing, user));
                Ok(())
            }
            mounts::MountSource::Hidden { base } => {
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

    /// Mounts what is made for the container on the host.
    fn bind_container_dir(&mut self, stage: &ContainerDir) -> Result<(), SandboxError> {
        for (source, target) in [
            (stage.link_path(), container_link::DIRECTORY),
            (stage.passwd_path(), "/etc/passwd"),
            (stage.group_path(), "/etc/group"),
        ] {
            self.bind_mount(&source, target.to_owned(), MountAccess::Read)?;
        }
        Ok(())
    }

    /// Takes away what the image has and the role may not use.
    fn hide_git(&mut self, spec: &SandboxSpec) {
        if spec.profile.git_access() == Some(GitAccess::No) && !spec.profile.has_shell() {
            // git is all that is there.
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
        if spec.is_enabled(ProtectionLayer::Limits) {
            docker.settings.limits.apply(&mut host);
            host.shm_size = i64::try_from(spec.tmp_bytes).ok();
        }
        host
    }
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

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

use super::super::error::SandboxError;
use super::super::guard::Guard;
use super::super::mounts::{self, OWN_PROGRAM, SHARED_MEMORY, Sharing};
use super::super::policy::GitAccess;
use super::super::spec::{Access, Spec, User};
use super::super::{Sandbox, init};
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
    builder.stage(stage)?;
    builder.without_git(spec);
    for planned in mounts::plan(&sandbox.exe, spec, owner)? {
        builder.translate(planned, user)?;
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
    fn translate(&mut self, planned: mounts::Mount, user: User) -> Result<(), SandboxError> {
        let path = text(&planned.path)?;
        match planned.what {
            mounts::What::Program { source, .. } => self.mount(&source, path, Access::Read),
            mounts::What::Host {
                opened,
                base,
                access,
            } => {
                self.mount(&planned.path, path, access)?;
                let writable = access == Access::Write;
                let expected = Expected::mounted(&opened, &planned.path, &base, writable)?;
                self.expected.push(expected);
                Ok(())
            }
            // The engine makes it itself, see `shm_size`.
            mounts::What::Memory { .. } if path == SHARED_MEMORY => Ok(()),
            mounts::What::Memory { bytes, sharing } => {
                self.tmpfs.insert(path, memory(bytes, sharing, user));
                Ok(())
            }
            mounts::What::Hidden { base } => {
                self.tmpfs.insert(path, HIDDEN.to_owned());
                self.expected.push(Expected {
                    path: planned.path,
                    base,
                    what: What::Hidden,
                });
                Ok(())
            }
        }
    }

    fn mount(&mut self, source: &Path, target: String, access: Access) -> Result<(), SandboxError> {
        self.mounts.push(Mount {
            typ: Some(MountType::BIND),
            source: Some(text(source)?),
            target: Some(target),
            read_only: Some(access == Access::Read),
            bind_options: Some(MountBindOptions {
                non_recursive: Some(true),
                ..MountBindOptions::default()
            }),
            ..Mount::default()
        });
        Ok(())
    }

    /// Mounts what is made for the container on the host.
    fn stage(&mut self, stage: &Stage) -> Result<(), SandboxError> {
        for (source, target) in [
            (stage.link(), link::DIRECTORY),
            (stage.passwd(), "/etc/passwd"),
            (stage.group(), "/etc/group"),
        ] {
            self.mount(&source, target.to_owned(), Access::Read)?;
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

/// Returns the options of a file system in memory.
fn memory(bytes: Option<u64>, sharing: Sharing, user: User) -> String {
    let size = bytes.map_or_else(String::new, |bytes| format!(",size={bytes}"));
    let mode = match sharing {
        Sharing::Sticky => "1777".to_owned(),
        Sharing::Private => format!("0700,uid={},gid={}", user.uid, user.gid),
    };
    format!("rw,exec,nosuid,nodev{size},mode={mode}")
}

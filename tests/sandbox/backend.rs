//! The two backends of the sandbox. Each test of what both guarantee runs on each of them.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{KernelRequirements, Sandbox};
use eklavya_testkit::program::eklavya_program;
use eklavya_testkit::servers::docker::ensure_images;

use crate::sandbox_project::agent_user;

/// What a container may use in these tests.
pub const CONTAINER_LIMITS: ContainerLimits = ContainerLimits {
    memory_mib: 1024,
    cpus: None,
    pids: 256,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxBackend {
    Bubblewrap,
    Docker,
}

impl SandboxBackend {
    pub async fn sandbox(self) -> Sandbox {
        match self {
            SandboxBackend::Bubblewrap => bubblewrap_sandbox().await,
            SandboxBackend::Docker => docker_sandbox().await,
        }
    }

    /// Returns whether all protection layers are Eklavya's own: a test can leave out each of them
    /// to show its effect, and an ordinary user can have them. Docker's engine adds layers of its
    /// own, and only root may use it.
    pub fn has_own_layers(self) -> bool {
        self == SandboxBackend::Bubblewrap
    }

    /// Returns the attempts that succeed without doing harm, and why each is harmless.
    pub fn harmless_attempts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            SandboxBackend::Bubblewrap => &[],
            SandboxBackend::Docker => &[
                ("look into /run", "nothing but the link is there"),
                ("raise the limit of processes", "the engine counts them"),
            ],
        }
    }

    /// Returns the library that Perl needs and that a role without a terminal does not have. git
    /// does not need it.
    pub fn perl_library(self) -> Option<&'static str> {
        match self {
            SandboxBackend::Bubblewrap => None,
            SandboxBackend::Docker => Some("/lib/x86_64-linux-gnu/libcrypt.so.1"),
        }
    }
}

/// The module of the backend's tests.
impl fmt::Display for SandboxBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SandboxBackend::Bubblewrap => "bubblewrap",
            SandboxBackend::Docker => "docker",
        })
    }
}

async fn bubblewrap_sandbox() -> Sandbox {
    let search = OsStr::new("/usr/bin:/bin");
    let probed = Sandbox::probe_bubblewrap(
        search,
        eklavya_program(),
        agent_user(),
        KernelRequirements::default(),
    )
    .await;
    probed.unwrap()
}

async fn docker_sandbox() -> Sandbox {
    let settings = docker_settings(ensure_images().await);
    let probed = Sandbox::probe_docker(
        settings,
        eklavya_program(),
        agent_user(),
        KernelRequirements::default(),
    )
    .await;
    probed.unwrap()
}

/// Returns the settings of the installation that runs these tests.
pub fn docker_settings(socket: PathBuf) -> DockerSettings {
    DockerSettings {
        stages: socket.with_extension("stages"),
        installation: "tests".to_owned(),
        socket,
        limits: CONTAINER_LIMITS,
    }
}

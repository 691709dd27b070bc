//! What the walls are made of here: containers of Docker's.

use std::path::PathBuf;

use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{KernelRequirements, Sandbox};

use crate::docker;
use crate::support::{agent_user, eklavya_program};

/// The engine has walls of its own behind ours, and is root's.
pub const OURS: bool = false;
/// Attempts that work and do not matter, with why.
pub const HARMLESS: &[(&str, &str)] = &[
    ("look into /run", "nothing but the link is there"),
    ("raise the limit of processes", "the engine counts them"),
];
/// It is not among what git needs, so roles without a terminal do not have it.
pub const PERL_LIBRARY: Option<&str> = Some("/lib/x86_64-linux-gnu/libcrypt.so.1");

/// What a container may take in these tests.
pub const LIMITS: ContainerLimits = ContainerLimits {
    memory_mib: 1024,
    cpus: None,
    pids: 256,
};

/// Returns the settings of the installation that these tests are.
pub fn settings(socket: PathBuf) -> DockerSettings {
    DockerSettings {
        stages: socket.with_extension("stages"),
        installation: "tests".to_owned(),
        socket,
        limits: LIMITS,
    }
}

pub async fn sandbox() -> Sandbox {
    let settings = settings(docker::ensure_images().await);
    let found = Sandbox::probe_docker(
        settings,
        eklavya_program(),
        agent_user(),
        KernelRequirements::default(),
    )
    .await;
    found.unwrap()
}

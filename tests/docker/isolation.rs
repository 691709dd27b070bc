//! What the walls are made of here: containers of Docker's.

use std::path::PathBuf;

use eklavya::sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya::sandbox::{Demands, Sandbox};

use crate::docker;
use crate::support::{exe, user};

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
    let settings = settings(docker::ready().await);
    let found = Sandbox::docker(settings, exe(), user(), Demands::default()).await;
    found.unwrap()
}

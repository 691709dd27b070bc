//! Choosing the isolation backend of this machine.

use std::path::PathBuf;

use super::run_factory::RunStartError;
use crate::context::paths::DataDirectoryPaths;
use eklavya_config::Config;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_sandbox::docker::{ContainerLimits, DockerSettings};
use eklavya_sandbox::{KernelRequirements, Sandbox, SandboxUser};

/// Returns a usable sandbox of the backend `choice`, or of the configured one if `choice` is `None`.
///
/// `search_path` is where bubblewrap is looked for, `program` is `eklavya`, and `user` is the user
/// that processes run as if this process is root.
///
/// # Errors
/// The backend is missing or lacks a kernel feature, or the data directory is unusable.
pub async fn open_isolation(
    config: &Config,
    choice: Option<IsolationKind>,
    search_path: &str,
    program: PathBuf,
    user: SandboxUser,
) -> Result<Sandbox, RunStartError> {
    let requirements = KernelRequirements {
        landlock: config.sandbox.min_landlock_abi,
    };
    let user = Some(user);
    let sandbox = match choice.unwrap_or(config.sandbox.isolation) {
        IsolationKind::Bubblewrap => {
            Sandbox::probe_bubblewrap(search_path.as_ref(), program, user, requirements).await?
        }
        IsolationKind::Docker => {
            Sandbox::probe_docker(docker_settings(config)?, program, user, requirements).await?
        }
    };
    Ok(sandbox)
}

fn docker_settings(config: &Config) -> Result<DockerSettings, RunStartError> {
    let paths = DataDirectoryPaths::new(config.home.path.as_std_path());
    let identity = paths.ensure_identity();
    let installation = identity.map_err(|source| RunStartError::DataDirectory {
        path: config.home.path.clone().into_std_path_buf(),
        source,
    })?;
    Ok(DockerSettings {
        socket: config.docker.socket.clone().into(),
        stages: paths.containers(),
        installation,
        limits: ContainerLimits {
            memory_mib: config.docker.memory_mib,
            cpus: config.docker.cpus,
            pids: config.docker.pids,
        },
    })
}

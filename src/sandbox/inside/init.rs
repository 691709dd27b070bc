//! `eklavya sandbox-init`: the first program in a sandbox. See [`super`] for the order of its steps.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};

use super::container::container_init;
use super::door::PROXY_LOGIN;
use super::init_config::{Enclosure, InitConfig, TAKE_OVER};
use super::{proxy_environment, resource_limits};
use crate::supervision::supervise;
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-init";

/// Runs the program that `args` name, and returns its exit code: 128 + n if signal n ended it.
///
/// # Errors
/// The program could not be started; the text gives the reason.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    close_inherited_fds();
    if args == [TAKE_OVER] {
        return container_init::run_in_container(|container, link| {
            let config = InitConfig::parse(&container.init_args)
                .ok_or("the configuration of sandbox-init cannot be read")?;
            run_init(&config, container.env.clone(), Some(link))
        });
    }
    let config = InitConfig::parse(args).ok_or("this command is for internal use")?;
    // The environment is passed to the program; nothing else reads it.
    run_init(&config, std::env::vars_os().collect(), None)
}

type EnvironmentVariables = Vec<(OsString, OsString)>;

/// Runs the program of `config`. If the other end of `link` closes, it stops.
fn run_init(
    config: &InitConfig,
    env: EnvironmentVariables,
    link: Option<UnixStream>,
) -> Result<u8, String> {
    apply_limits(config).map_err(|errno| format!("cannot set limits: {errno}"))?;
    if config.enclosure != Enclosure::Host {
        // No other process may read its memory or its descriptors, even without Landlock.
        nix::sys::prctl::set_dumpable(false)
            .map_err(|errno| format!("cannot make its memory unreadable: {errno}"))?;
    }
    supervise::build_runtime()?.block_on(async {
        let disconnected = async {
            match link {
                Some(link) => container_init::forward_signals(link).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = run_program(config, env) => status.map(supervise::exit_code),
            reason = disconnected => Err(reason),
        }
    })
}

fn apply_limits(config: &InitConfig) -> nix::Result<()> {
    resource_limits::disable_core_dumps()?;
    resource_limits::apply(config.limits)
}

/// Closes every descriptor except the standard streams: a descriptor that leaked into this process
/// must not reach the program.
fn close_inherited_fds() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let fds: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in fds {
        // One of them was the listed directory, which is closed already.
        let _ = nix::unistd::close(fd);
    }
}

async fn run_program(config: &InitConfig, env: EnvironmentVariables) -> Result<ExitStatus, String> {
    let port = config
        .door
        .open()
        .await
        .map_err(|error| format!("cannot open the door: {error}"))?;
    let login = env.iter().find(|(name, _)| name == PROXY_LOGIN);
    let login = login.map(|(_, value)| value.clone());
    let mut command = process::new_command(&config.program);
    command.args(&config.args).envs(env);
    command.envs(port.and_then(|port| config.door.variable(port)));
    command.env_remove(PROXY_LOGIN);
    if let (Some(port), Some(login)) = (port, login) {
        let sockets = config.confinement.sockets;
        command.envs(proxy_environment::proxy_variables(&login, port, sockets));
    }
    command.stdin(Stdio::inherit());
    supervise::run_supervised(|| config.confinement.spawn(command, port), None)
        .await
        .map_err(|error| format!("cannot start {}: {error}", config.program.display()))
}

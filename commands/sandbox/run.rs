//! `eklavya sandbox run`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use eklavya_claude::cli::locate;
use eklavya_core::agent::role::Role;
use eklavya_engine::context::site::sandbox_user;
use eklavya_engine::workspace::throwaway::ThrowawayWorkspace;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::{Sandbox, SandboxChild, SandboxExit, SandboxUser, StopSignal};
use eklavya_services::projects;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, CommandErrorKind, stage_error};
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::stage::run_factory;

const EXAMPLES: &str = "\
Examples:
  eklavya sandbox run --role developer shop -- sh -c 'npm test'
  eklavya sandbox run --role qa shop -- git log --oneline
  eklavya sandbox run --role developer -- bash

Exits with the code of the command; with 126 if it cannot be started, with 128 + n if signal n ended it.";

/// The exit code of shells if a program cannot be started.
const CANNOT_START: i32 = 126;

/// Run a command in the sandbox of a role
///
/// The command runs in a throw-away clone of the project's main branch (or in an empty directory) with
/// the access of the role: for a role without a terminal, the sandbox has no shell and no program but
/// git. The sandbox has no connection to the gateway, so it has no network at all. Everything that the
/// command leaves behind is removed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SandboxRunArgs {
    /// The role
    #[arg(long, value_name = "ROLE", value_parser = role_parser())]
    role: Role,

    /// The project; without one, the command starts in an empty directory
    project: Option<String>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn role_parser() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name)).try_map(|name| name.parse::<Role>())
}

pub fn exec(invocation: &CommandInvocation, args: &SandboxRunArgs) -> Result<(), CommandError> {
    if invocation.no_sandbox {
        let message = "sandbox run cannot run with --no-sandbox";
        return Err(CommandError::usage(message).with_hint("Run it without --no-sandbox"));
    }
    let exit = runtime::run_short(run(invocation, args))?;
    if exit == SandboxExit::Code(CANNOT_START) && !role_policy(args.role).has_shell() {
        let role = args.role;
        invocation.printer.note(&format!(
            "The {role} has no terminal: its sandbox has no shell, and no program but git"
        ));
    }
    match exit_code_of(exit) {
        0 => Ok(()),
        code => Err(CommandError::new(
            CommandErrorKind::Ran(code),
            "the command failed",
        )),
    }
}

async fn run(
    invocation: &CommandInvocation,
    args: &SandboxRunArgs,
) -> Result<SandboxExit, CommandError> {
    let config = invocation.config()?;
    let cli = locate_cli(invocation).await;
    let Some(slug) = &args.project else {
        // Projects are numbered from 1.
        let id = config.sandbox.uid_base;
        let user = SandboxUser { uid: id, gid: id };
        let sandbox = run_factory::open_sandbox(invocation, None, user).await?;
        let workspace = ThrowawayWorkspace::create(config, &sandbox, args.role, user, cli)?;
        return run_and_remove(workspace, &sandbox, args).await;
    };
    let data = data_store::open(invocation).await?;
    let project = projects::find(&data, slug).await?;
    let user = sandbox_user(config, &project);
    let (site, sandbox) = tokio::try_join!(
        run_factory::open_site_without_sandbox(invocation, &data, &project),
        run_factory::open_sandbox(invocation, project.isolation, user)
    )?;
    let workspace = ThrowawayWorkspace::create(config, &sandbox, args.role, user, cli)?;
    let cloned = workspace.clone_main(&site).await;
    cloned.map_err(|error| stage_error::stage_error(error, slug))?;
    run_and_remove(workspace, &sandbox, args).await
}

/// Returns the Claude Code CLI, which sandboxes of agents contain; here it may be missing.
async fn locate_cli(invocation: &CommandInvocation) -> Option<PathBuf> {
    let config = invocation.config().ok()?;
    let path = invocation.environment.get("PATH").ok()??;
    let places: Vec<PathBuf> = std::env::split_paths(path).collect();
    let configured = config.claude_path.as_ref().map(|path| path.as_std_path());
    Some(locate::locate_cli(configured, &places).await.ok()?.program)
}

async fn run_and_remove(
    workspace: ThrowawayWorkspace,
    sandbox: &Sandbox,
    args: &SandboxRunArgs,
) -> Result<SandboxExit, CommandError> {
    let ended = run_command(&workspace, sandbox, args).await;
    workspace.remove().await?;
    ended
}

async fn run_command(
    workspace: &ThrowawayWorkspace,
    sandbox: &Sandbox,
    args: &SandboxRunArgs,
) -> Result<SandboxExit, CommandError> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            let message = format!("cannot handle signals: {error}");
            CommandError::new(CommandErrorKind::Environment, message)
        })
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| CommandError::usage("no command is given"))?;
    let mut child = workspace.spawn_command(sandbox, program, rest).await?;
    let pid = child.pid();
    let ended = tokio::select! {
        ended = wait_forwarding_signals(&mut child, &mut interrupt, &mut terminate) => ended?,
        outgrown = workspace.wait_for_disk_quota(pid) => {
            child.kill_tree().await?;
            return Err(CommandError::new(CommandErrorKind::Failed, format!("the command was stopped: {outgrown}")));
        }
    };
    Ok(ended)
}

/// Waits for the end of the command, and forwards signals to it.
async fn wait_forwarding_signals(
    child: &mut SandboxChild,
    interrupt: &mut Signal,
    terminate: &mut Signal,
) -> Result<SandboxExit, CommandError> {
    loop {
        tokio::select! {
            ended = child.wait() => return Ok(ended?),
            _ = interrupt.recv() => child.terminate(StopSignal::Interrupt),
            _ = terminate.recv() => child.terminate(StopSignal::Terminate),
        }
    }
}

fn exit_code_of(exit: SandboxExit) -> u8 {
    let code = match exit {
        SandboxExit::Code(code) => code,
        SandboxExit::Signal(signal) => 128 + signal,
        SandboxExit::TimedOut | SandboxExit::DiskQuotaExceeded => 1,
    };
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_command_or_of_its_signal() {
        assert_eq!(exit_code_of(SandboxExit::Code(7)), 7);
        assert_eq!(exit_code_of(SandboxExit::Signal(15)), 143);
    }
}

//! `eklavya sandbox run`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use eklavya_claude::locate::locate;
use eklavya_core::domain::role::Role;
use eklavya_engine::site::user_of;
use eklavya_engine::workbench::Workbench;
use eklavya_sandbox::policy::policy;
use eklavya_sandbox::{Child, Exit, Politeness, Sandbox, User};
use eklavya_services::projects;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::{crew, desk, failure, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya sandbox run --role developer shop -- sh -c 'npm test'
  eklavya sandbox run --role qa shop -- git log --oneline
  eklavya sandbox run --role developer -- bash

Exits with the command's own code: 126 where it could not be started, 128 + n where signal n ended it.";

/// The code with which shells say that a program could not be started.
const CANNOT_START: i32 = 126;

/// Run a command where agents of a role run
///
/// The command gets a throw-away clone of the project's main (or an empty directory) and what the role
/// may touch, no more: a role without a terminal finds no shell and no other program than git.
/// There is no door to the model, so there is no network at all. What the command leaves is removed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The role
    #[arg(long, value_name = "ROLE", value_parser = role())]
    role: Role,

    /// The project; without one, the command starts in an empty directory
    project: Option<String>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name)).try_map(|name| name.parse::<Role>())
}

/// Runs `eklavya sandbox run`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    if invocation.no_sandbox {
        let message = "--no-sandbox leaves nothing to try";
        return Err(CommandError::usage(message).hint("Leave --no-sandbox out"));
    }
    let exit = runtime::short(run(invocation, args))?;
    if exit == Exit::Code(CANNOT_START) && !policy(args.role).has_shell() {
        let role = args.role;
        invocation.printer.note(&format!(
            "The {role} has no terminal: no shell is there, and no program but git"
        ));
    }
    match code(exit) {
        0 => Ok(()),
        code => Err(CommandError::new(Kind::Ran(code), "the command failed")),
    }
}

async fn run(invocation: &Invocation, args: &Args) -> Result<Exit, CommandError> {
    let config = invocation.config()?;
    let cli = cli(invocation).await;
    let Some(slug) = &args.project else {
        // Projects are numbered from 1.
        let id = config.sandbox.uid_base;
        let user = User { uid: id, gid: id };
        let sandbox = crew::sandbox(invocation, None, user).await?;
        let bench = Workbench::empty(config, &sandbox, args.role, user, cli)?;
        return on(bench, &sandbox, args).await;
    };
    let desk = desk::open(invocation).await?;
    let project = projects::find(&desk, slug).await?;
    let user = user_of(config, &project);
    let (site, sandbox) = tokio::try_join!(
        crew::records(invocation, &desk, &project),
        crew::sandbox(invocation, project.isolation, user)
    )?;
    let bench = Workbench::empty(config, &sandbox, args.role, user, cli)?;
    let filled = bench.fill(&site).await;
    filled.map_err(|error| failure::of(error, slug))?;
    on(bench, &sandbox, args).await
}

/// Returns the CLI, which agents have beside the role's programs; its absence is no hindrance here.
async fn cli(invocation: &Invocation) -> Option<PathBuf> {
    let config = invocation.config().ok()?;
    let path = invocation.environment.get("PATH").ok()??;
    let places: Vec<PathBuf> = std::env::split_paths(path).collect();
    let configured = config.claude_path.as_ref().map(|path| path.as_std_path());
    Some(locate(configured, &places).await.ok()?.program)
}

async fn on(bench: Workbench, sandbox: &Sandbox, args: &Args) -> Result<Exit, CommandError> {
    let ended = attend(&bench, sandbox, args).await;
    bench.remove().await?;
    ended
}

async fn attend(bench: &Workbench, sandbox: &Sandbox, args: &Args) -> Result<Exit, CommandError> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            let message = format!("cannot listen to signals: {error}");
            CommandError::new(Kind::Environment, message)
        })
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| CommandError::usage("there is no command"))?;
    let mut child = bench.start(sandbox, program, rest).await?;
    let pid = child.pid();
    let ended = tokio::select! {
        ended = until_the_end(&mut child, &mut interrupt, &mut terminate) => ended?,
        outgrown = bench.outgrown(pid) => {
            child.kill_tree().await?;
            return Err(CommandError::new(Kind::Failed, format!("the command was stopped: {outgrown}")));
        }
    };
    Ok(ended)
}

/// Waits for the end of the command; signals are passed on to it.
async fn until_the_end(
    child: &mut Child,
    interrupt: &mut Signal,
    terminate: &mut Signal,
) -> Result<Exit, CommandError> {
    loop {
        tokio::select! {
            ended = child.wait() => return Ok(ended?),
            _ = interrupt.recv() => child.terminate(Politeness::Interrupt),
            _ = terminate.recv() => child.terminate(Politeness::Terminate),
        }
    }
}

fn code(exit: Exit) -> u8 {
    let code = match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
        Exit::TimedOut | Exit::Outgrown => 1,
    };
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_commands_own() {
        assert_eq!(code(Exit::Code(7)), 7);
        assert_eq!(code(Exit::Signal(15)), 143);
    }
}

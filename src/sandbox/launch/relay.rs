//! `eklavya sandbox-run`: the outermost process of a sandbox, which represents it to the caller.
//!
//! It may be killed by any signal, including SIGKILL: `sandbox-enter`, its only child, notices it and
//! kills the sandbox. If `sandbox-enter` itself were the outermost process, killing it would leave the
//! sandbox behind.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::Path;
use std::process::Stdio;

use super::enter;
use crate::supervision::supervise;
use crate::user::SandboxUser;
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-run";

/// Returns the arguments up to and including the program to run, with this process as the owner.
pub(crate) fn arguments(
    user: Option<SandboxUser>,
    staged: &[RawFd],
    program: &Path,
) -> Vec<OsString> {
    let mut args = vec![NAME.into(), std::process::id().to_string().into()];
    args.extend(enter::arguments(user, staged));
    args.push(program.into());
    args
}

/// Starts `sandbox-enter`, forwards signals to it, and returns its exit code.
///
/// # Errors
/// It could not be started, or the owner has ended.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, rest @ ..] = args else {
        return Err("this command is for internal use: OWNER USER FDS PROGRAM ARGS".to_owned());
    };
    supervise::die_with_owner(supervise::parse_number(owner)?)?;
    let mut command = process::new_command("/proc/self/exe");
    command
        .arg(enter::NAME)
        .arg(std::process::id().to_string())
        .args(rest)
        .envs(std::env::vars_os())
        .stdin(Stdio::inherit());
    let status = supervise::build_runtime()?
        .block_on(supervise::run_supervised(|| command.spawn(), None))
        .map_err(|error| format!("cannot start sandbox-enter: {error}"))?;
    Ok(supervise::exit_code(status))
}

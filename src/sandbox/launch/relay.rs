//! `eklavya sandbox-run`: the process that stands for a sandbox towards whoever starts it.
//!
//! It may be killed in any way, SIGKILL included: `sandbox-enter`, its only child, notices and
//! kills the sandbox. Were that one killed itself, nobody would be left to do so.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::enter;
use crate::spec::SandboxUser;
use crate::supervision::supervise;
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-run";

/// Returns the arguments up to and including the program to run. This process is the owner.
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

/// Starts `sandbox-enter`, passes on signals and its code.
///
/// # Errors
/// It could not be started, or the owner is gone.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, rest @ ..] = args else {
        return Err("it is for internal use: OWNER USER FDS PROGRAM ARGS".to_owned());
    };
    die_with_owner(supervise::parse_number(owner)?)?;
    let mut command = process::new_command("/proc/self/exe");
    command
        .arg(enter::NAME)
        .arg(std::process::id().to_string())
        .args(rest)
        .envs(std::env::vars_os())
        .stdin(Stdio::inherit());
    let status = supervise::build_runtime()?
        .block_on(supervise::run_supervised(|| command.spawn(), None))
        .map_err(|error| format!("cannot start itself: {error}"))?;
    Ok(supervise::exit_code(status))
}

/// Has the kernel kill this process when `owner`, its parent, dies.
pub(crate) fn die_with_owner(owner: u32) -> Result<(), String> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| format!("cannot be tied to its owner: {errno}"))?;
    // It may have died before the line above.
    if parent_id() == owner {
        return Ok(());
    }
    Err("the owner is gone".to_owned())
}

//! `eklavya sandbox-init`: the first program in a sandbox.
//!
//! It opens the door (a port on the sandbox's own 127.0.0.1 in front of the gateway's socket, or
//! the preview's socket in front of a port), starts the program, passes on signals, and ends with
//! the program's code.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::forward;
use super::spec::{Inner, Profile, Spec};
use super::supervise;
use crate::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-init";

/// The variable that leads the CLI to the door.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Processes and threads in one sandbox. The count is the sandbox's own, whatever else its user
/// runs.
const MAX_TASKS: u64 = 4096;
/// Bytes in one file.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// What is around `sandbox-init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Namespaces of its own.
    Sandbox,
    /// The machine.
    Nothing,
}

impl Around {
    fn name(self) -> &'static str {
        match self {
            Around::Sandbox => "sandbox",
            Around::Nothing => "nothing",
        }
    }
}

/// Returns the arguments for `inner` in a sandbox of `spec`, from the subcommand's name on.
pub(super) fn arguments(spec: &Spec, inner: &Inner, around: Around) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![NAME.into(), around.name().into()];
    match (spec.profile, &spec.door) {
        (Profile::Agent(_), Some(door)) => args.extend(["gateway".into(), door.into()]),
        (Profile::Preview { port, .. }, Some(door)) => {
            args.extend(["web".into(), door.into(), port.to_string().into()]);
        }
        (Profile::Command(_), _) | (_, None) => args.push("closed".into()),
    }
    args.push("--".into());
    args.push(inner.program.clone());
    args.extend(inner.args.iter().cloned());
    args
}

/// What the arguments say.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    around: Around,
    door: Door,
    program: OsString,
    args: Vec<OsString>,
}

#[derive(Debug, PartialEq, Eq)]
enum Door {
    Closed,
    Gateway(PathBuf),
    Web(PathBuf, u16),
}

/// Runs the program that `args` name, and returns its code: 128 + n where signal n ended it.
///
/// # Errors
/// It could not be started; the text says why.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let order = parse(args).ok_or("it is for internal use")?;
    close_inherited();
    limit(order.around).map_err(|errno| format!("cannot set limits: {errno}"))?;
    let status = supervise::runtime()?.block_on(run(&order))?;
    Ok(supervise::code(status))
}

fn parse(args: &[OsString]) -> Option<Order> {
    let end = args.iter().position(|arg| arg == "--")?;
    let [program, inner @ ..] = &args[end + 1..] else {
        return None;
    };
    let [around, door @ ..] = &args[..end] else {
        return None;
    };
    let around = [Around::Sandbox, Around::Nothing]
        .into_iter()
        .find(|known| around == known.name())?;
    let words: Vec<&OsStr> = door.iter().map(OsString::as_os_str).collect();
    let door = match words.as_slice() {
        [kind] if *kind == "closed" => Door::Closed,
        [kind, path] if *kind == "gateway" => Door::Gateway(path.into()),
        [kind, path, port] if *kind == "web" => {
            Door::Web(path.into(), port.to_str()?.parse().ok()?)
        }
        _ => return None,
    };
    Some(Order {
        around,
        door,
        program: program.clone(),
        args: inner.to_vec(),
    })
}

/// Closes every descriptor but the standard streams: whatever leaked into us must not get any
/// further.
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let fds: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in fds {
        // One of them was the directory that has just been listed, and is closed.
        let _ = nix::unistd::close(fd);
    }
}

fn limit(around: Around) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    if around == Around::Nothing {
        // Outside a user namespace the user's other processes would count.
        return Ok(());
    }
    for (resource, most) in [
        (Resource::RLIMIT_NPROC, MAX_TASKS),
        (Resource::RLIMIT_FSIZE, MAX_FILE_BYTES),
    ] {
        let (_, hard) = getrlimit(resource)?;
        let most = most.min(hard);
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

async fn run(order: &Order) -> Result<ExitStatus, String> {
    let base_url = open_door(&order.door)
        .await
        .map_err(|error| format!("cannot open the door: {error}"))?;
    let mut command = process::command(&order.program);
    // The environment is handed on, not read.
    command.args(&order.args).envs(std::env::vars_os());
    command.envs(base_url.map(|url| (BASE_URL, url)));
    command.stdin(Stdio::inherit());
    supervise::run(command, None)
        .await
        .map_err(|error| format!("cannot start {}: {error}", order.program.display()))
}

/// Returns the URL of the gateway's door.
async fn open_door(door: &Door) -> io::Result<Option<String>> {
    match door {
        Door::Closed => Ok(None),
        Door::Gateway(directory) => {
            let port = forward::to_socket(directory.join("gateway.sock")).await?;
            Ok(Some(format!("http://127.0.0.1:{port}")))
        }
        Door::Web(directory, port) => {
            forward::from_socket(&directory.join("web.sock"), *port)?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn arguments_are_read_back() {
        let order = parse(&args("sandbox gateway /d -- claude -p -- x")).unwrap();
        assert_eq!(order.around, Around::Sandbox);
        assert_eq!(order.door, Door::Gateway("/d".into()));
        assert_eq!(order.program, "claude");
        assert_eq!(order.args, ["-p", "--", "x"]);
        let order = parse(&args("nothing web /d 80 -- x")).unwrap();
        assert_eq!(
            (order.around, order.door),
            (Around::Nothing, Door::Web("/d".into(), 80))
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "--",
            "nothing --",
            "nothing closed",
            "nothing open -- x",
            "x closed -- x",
            "nothing web /d 70000 -- x",
        ] {
            assert_eq!(parse(&args(text)), None, "{text}");
        }
    }
}

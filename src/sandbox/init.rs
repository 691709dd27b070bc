//! `eklavya sandbox-init`: the first program in a sandbox.
//!
//! It opens the door (a port on the sandbox's own 127.0.0.1 in front of the gateway's socket, or the preview's socket
//! in front of a port), starts the program, passes on signals, and ends with the program's code.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::descendants;
use super::forward;
use super::spec::{Inner, Profile, Spec};
use crate::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-init";

/// The variable that leads the CLI to the door.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Processes and threads in one sandbox. The count is the sandbox's own, whatever else its user runs.
const MAX_TASKS: u64 = 4096;
/// Bytes in one file.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Who kills what the program leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// The end of the process namespace.
    OfNamespace,
    /// `sandbox-init` itself: there is no namespace.
    OfInit,
}

impl Tree {
    fn name(self) -> &'static str {
        match self {
            Tree::OfNamespace => "namespace",
            Tree::OfInit => "init",
        }
    }
}

/// Returns the arguments for `inner` in a sandbox of `spec`, from the subcommand's name on.
pub(super) fn arguments(spec: &Spec, inner: &Inner, tree: Tree) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![NAME.into(), tree.name().into()];
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
    tree: Tree,
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
    limit(order.tree).map_err(|errno| format!("cannot set limits: {errno}"))?;
    if order.tree == Tree::OfInit {
        become_owner_of_orphans().map_err(|errno| format!("cannot become a subreaper: {errno}"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let status = runtime.block_on(run(&order))?;
    if order.tree == Tree::OfInit {
        descendants::kill_below(std::process::id());
    }
    Ok(code(status))
}

fn parse(args: &[OsString]) -> Option<Order> {
    let end = args.iter().position(|arg| arg == "--")?;
    let [program, inner @ ..] = &args[end + 1..] else {
        return None;
    };
    let [tree, door @ ..] = &args[..end] else {
        return None;
    };
    let tree = [Tree::OfNamespace, Tree::OfInit]
        .into_iter()
        .find(|known| tree == known.name())?;
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
        tree,
        door,
        program: program.clone(),
        args: inner.to_vec(),
    })
}

/// Closes every descriptor but the standard streams: whatever leaked into us must not get any further.
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

fn limit(tree: Tree) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    if tree == Tree::OfInit {
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

fn become_owner_of_orphans() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)?;
    // Not SIGKILL: whatever runs below must still be killed.
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
}

async fn run(order: &Order) -> Result<ExitStatus, String> {
    let parent = std::os::unix::process::parent_id();
    let failed = |error: io::Error| error.to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let base_url = open_door(&order.door)
        .await
        .map_err(|error| format!("cannot open the door: {error}"))?;
    let mut command = process::command(&order.program);
    // The environment is handed on, not read.
    command.args(&order.args).envs(std::env::vars_os());
    command.envs(base_url.map(|url| (BASE_URL, url)));
    command.stdin(Stdio::inherit());
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", order.program.display()))?;
    loop {
        let received = tokio::select! {
            status = child.wait() => return status.map_err(failed),
            _ = terminate.recv() => Signal::SIGTERM,
            _ = interrupt.recv() => Signal::SIGINT,
            _ = hangup.recv() => Signal::SIGHUP,
        };
        if order.tree == Tree::OfInit && std::os::unix::process::parent_id() != parent {
            descendants::kill_below(std::process::id());
        }
        if let Some(pid) = child.id() {
            descendants::signal(pid, received);
        }
    }
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

fn code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn arguments_are_read_back() {
        let order = parse(&args("namespace gateway /d -- claude -p -- x")).unwrap();
        assert_eq!(order.tree, Tree::OfNamespace);
        assert_eq!(order.door, Door::Gateway("/d".into()));
        assert_eq!(order.program, "claude");
        assert_eq!(order.args, ["-p", "--", "x"]);
        let order = parse(&args("init web /d 80 -- x")).unwrap();
        assert_eq!(
            (order.tree, order.door),
            (Tree::OfInit, Door::Web("/d".into(), 80))
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "--",
            "init --",
            "init closed",
            "init open -- x",
            "x closed -- x",
            "init web /d 70000 -- x",
        ] {
            assert_eq!(parse(&args(text)), None, "{text}");
        }
    }

    #[test]
    fn a_signal_becomes_a_code() {
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
        assert_eq!(code(ExitStatus::from_raw(3 << 8)), 3);
    }
}

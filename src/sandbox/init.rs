//! `eklavya sandbox-init`: the first program in a sandbox.
//!
//! It opens the door (a port on the sandbox's own 127.0.0.1 in front of the gateway's socket, or
//! the preview's socket in front of a port), starts the program behind the last walls
//! ([`super::confine`]), passes on signals, and ends with the program's code.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use super::confine::Walls;
use super::docker::{TAKE_OVER, inside};
use super::guard::Guard;
use super::limits::Limited;
use super::preview::WEB_SOCKET;
use super::probe::Demands;
use super::spec::{Inner, PROXY_PORT, PROXY_SOCKET, Profile, Sockets, Spec};
use super::territory::{self, Territory};
use super::{forward, limits, proxy_environment, supervise};
use eklavya_core::process;

/// The subcommand's name.
pub const NAME: &str = "sandbox-init";

/// The variable that leads the CLI to the door.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// The variable by which whoever starts the sandbox hands over the login of the door's proxy, as it
/// stands in a URL: `user:password`. Without it there is no proxy, and no program inside sees it.
pub const PROXY_LOGIN: &str = "EKLAVYA_PROXY_LOGIN";

/// What is around `sandbox-init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Namespaces of its own.
    Sandbox,
    /// A container, where the engine keeps the limits.
    Container,
    /// The machine.
    Nothing,
}

impl Around {
    fn name(self) -> &'static str {
        match self {
            Around::Sandbox => "sandbox",
            Around::Container => "container",
            Around::Nothing => "nothing",
        }
    }
}

/// Returns the arguments for `inner` in a sandbox of `spec`, from the subcommand's name on.
pub(super) fn arguments(
    spec: &Spec,
    inner: &Inner,
    around: Around,
    demands: Demands,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![NAME.into(), around.name().into()];
    args.extend(Door::of(spec).words());
    if around != Around::Nothing {
        args.extend(walls(spec, around, demands));
    }
    args.push("--".into());
    args.push(inner.program.clone());
    args.extend(inner.args.iter().cloned());
    args
}

/// Returns the words for the walls of `spec`: the limits, the filter, then Landlock's rules.
fn walls(spec: &Spec, around: Around, demands: Demands) -> Vec<OsString> {
    let mut words = Vec::new();
    if spec.has(Guard::Limits) {
        words.push(match around {
            Around::Sandbox => LIMITS.into(),
            // Processes of the same user that are not in the container would count.
            Around::Container | Around::Nothing => FILE_LIMITS.into(),
        });
    }
    if spec.has(Guard::Seccomp) {
        words.push(match spec.profile.sockets() {
            Sockets::Tcp => SOCKETS_TCP.into(),
            Sockets::Local => SOCKETS_LOCAL.into(),
        });
    }
    if let Some(territory) = territory::of(spec, demands.landlock) {
        words.extend(territory.words());
    }
    words
}

const LIMITS: &str = "limits";
const FILE_LIMITS: &str = "file-limits";
const SOCKETS_TCP: &str = "sockets-tcp";
const SOCKETS_LOCAL: &str = "sockets-local";
const LANDLOCK: &str = "landlock";

/// What the arguments say.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    around: Around,
    door: Door,
    limits: Limited,
    walls: Walls,
    program: OsString,
    args: Vec<OsString>,
}

#[derive(Debug, PartialEq, Eq)]
enum Door {
    Closed,
    Gateway(PathBuf),
    Proxy(PathBuf),
    Web(PathBuf, u16),
}

impl Door {
    fn of(spec: &Spec) -> Self {
        match (spec.profile, &spec.door) {
            (Profile::Agent(_), Some(door)) => Door::Gateway(door.clone()),
            (Profile::Browser, Some(door)) => Door::Proxy(door.clone()),
            (Profile::Preview { port, .. }, Some(door)) => Door::Web(door.clone(), port),
            (Profile::Command(_), _) | (_, None) => Door::Closed,
        }
    }

    fn words(self) -> Vec<OsString> {
        match self {
            Door::Closed => vec!["closed".into()],
            Door::Gateway(path) => vec!["gateway".into(), path.into()],
            Door::Proxy(path) => vec!["proxy".into(), path.into()],
            Door::Web(path, port) => vec!["web".into(), path.into(), port.to_string().into()],
        }
    }

    /// Returns the variable that leads the program to the port of the door.
    fn variable(&self, port: u16) -> Option<(&'static str, String)> {
        match self {
            Door::Gateway(_) => Some((BASE_URL, format!("http://127.0.0.1:{port}"))),
            Door::Proxy(_) => Some((PROXY_PORT, port.to_string())),
            Door::Closed | Door::Web(..) => None,
        }
    }

    /// Reads the words at the beginning of `words`; returns what follows them.
    fn parse(words: &[OsString]) -> Option<(Self, &[OsString])> {
        let (kind, rest) = words.split_first()?;
        match (kind.to_str()?, rest) {
            ("closed", rest) => Some((Door::Closed, rest)),
            ("gateway", [path, rest @ ..]) => Some((Door::Gateway(path.into()), rest)),
            ("proxy", [path, rest @ ..]) => Some((Door::Proxy(path.into()), rest)),
            ("web", [path, port, rest @ ..]) => {
                let port = port.to_str()?.parse().ok()?;
                Some((Door::Web(path.into(), port), rest))
            }
            _ => None,
        }
    }
}

/// Runs the program that `args` name, and returns its code: 128 + n where signal n ended it.
///
/// # Errors
/// It could not be started; the text says why.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    close_inherited();
    if args == [TAKE_OVER] {
        return inside::main(|told, link| {
            let order = parse(&told.words).ok_or("its order cannot be read")?;
            begin(&order, told.env.clone(), Some(link))
        });
    }
    let order = parse(args).ok_or("it is for internal use")?;
    // The environment is handed on, not read.
    begin(&order, std::env::vars_os().collect(), None)
}

type Environment = Vec<(OsString, OsString)>;

/// Runs the program of `order`. `link` is the line to whoever must live for it to go on.
fn begin(order: &Order, env: Environment, link: Option<UnixStream>) -> Result<u8, String> {
    limit(order).map_err(|errno| format!("cannot set limits: {errno}"))?;
    if order.around != Around::Nothing {
        // Its memory and its descriptors are nobody's business, not even where Landlock is missing.
        nix::sys::prctl::set_dumpable(false)
            .map_err(|errno| format!("cannot close its memory: {errno}"))?;
    }
    supervise::runtime()?.block_on(async {
        let alone = async {
            match link {
                Some(link) => inside::attend(link).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = run(order, env) => status.map(supervise::code),
            reason = alone => Err(reason),
        }
    })
}

fn limit(order: &Order) -> nix::Result<()> {
    limits::forbid_dumps()?;
    limits::set(order.limits)
}

fn parse(args: &[OsString]) -> Option<Order> {
    let (around, rest) = args.split_first()?;
    let around = [Around::Sandbox, Around::Container, Around::Nothing]
        .into_iter()
        .find(|known| around == known.name())?;
    let (door, rest) = Door::parse(rest)?;
    let end = rest.iter().position(|arg| arg == "--")?;
    let [program, inner @ ..] = &rest[end + 1..] else {
        return None;
    };
    let (limits, walls) = parse_walls(&rest[..end])?;
    Some(Order {
        around,
        door,
        limits,
        walls,
        program: program.clone(),
        args: inner.to_vec(),
    })
}

fn parse_walls(words: &[OsString]) -> Option<(Limited, Walls)> {
    let (mut limits, mut walls, mut rest) = (Limited::Nothing, Walls::default(), words);
    while let [word, after @ ..] = rest {
        rest = after;
        match word.to_str()? {
            LIMITS => limits = Limited::All,
            FILE_LIMITS => limits = Limited::Files,
            SOCKETS_TCP => walls.sockets = Some(Sockets::Tcp),
            SOCKETS_LOCAL => walls.sockets = Some(Sockets::Local),
            LANDLOCK => {
                walls.territory = Some(Territory::parse(rest)?);
                rest = &[];
            }
            _ => return None,
        }
    }
    Some((limits, walls))
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

async fn run(order: &Order, env: Environment) -> Result<ExitStatus, String> {
    let port = open_door(&order.door)
        .await
        .map_err(|error| format!("cannot open the door: {error}"))?;
    let login = env.iter().find(|(name, _)| name == PROXY_LOGIN);
    let login = login.map(|(_, value)| value.clone());
    let mut command = process::command(&order.program);
    command.args(&order.args).envs(env);
    command.envs(port.and_then(|port| order.door.variable(port)));
    command.env_remove(PROXY_LOGIN);
    if let (Some(port), Some(login)) = (port, login) {
        command.envs(proxy_environment::variables(
            &login,
            port,
            order.walls.sockets,
        ));
    }
    command.stdin(Stdio::inherit());
    supervise::run(|| order.walls.spawn(command, port), None)
        .await
        .map_err(|error| format!("cannot start {}: {error}", order.program.display()))
}

/// Returns the port of the gateway's door.
async fn open_door(door: &Door) -> io::Result<Option<u16>> {
    match door {
        Door::Closed => Ok(None),
        Door::Proxy(directory) => {
            let port = forward::to_socket(directory.join(PROXY_SOCKET)).await?;
            Ok(Some(port))
        }
        Door::Gateway(directory) => {
            let port = forward::to_socket(directory.join("gateway.sock")).await?;
            Ok(Some(port))
        }
        Door::Web(directory, port) => {
            forward::from_socket(&directory.join(WEB_SOCKET), *port)?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dirs;
    use eklavya_core::domain::role::Role;

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
        assert_eq!(order.walls, Walls::default());
        let order = parse(&args("sandbox proxy /d -- x")).unwrap();
        assert_eq!(order.door, Door::Proxy("/d".into()));
        let order = parse(&args("nothing web /d 80 -- x")).unwrap();
        assert_eq!(
            (order.around, order.door),
            (Around::Nothing, Door::Web("/d".into(), 80))
        );
    }

    #[test]
    fn the_walls_of_a_specification_are_read_back() {
        let mut spec = Spec::new(
            Profile::Agent(Role::Developer),
            &Dirs::at("/-- landlock".as_ref()),
        );
        let demands = Demands { landlock: 3 };
        let inner = Inner::new("x", ["--", "limits"]);
        let read = |spec: &Spec| {
            let args = arguments(spec, &inner, Around::Sandbox, demands);
            parse(&args[1..]).unwrap()
        };
        let order = read(&spec);
        assert_eq!(order.limits, Limited::All);
        // The engine has the container's own count.
        let args = arguments(&spec, &inner, Around::Container, demands);
        assert_eq!(parse(&args[1..]).unwrap().limits, Limited::Files);
        assert_eq!(order.walls.sockets, Some(Sockets::Local));
        assert_eq!(order.walls.territory, territory::of(&spec, 3));
        assert_eq!(order.args, ["--", "limits"]);
        spec.without = vec![Guard::Limits, Guard::Seccomp, Guard::Landlock];
        assert_eq!(
            (read(&spec).limits, read(&spec).walls),
            (Limited::Nothing, Walls::default())
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
            "sandbox closed sockets -- x",
            "sandbox closed landlock 1 -- x",
            "sandbox closed landlock 1 door own -- x",
        ] {
            assert_eq!(parse(&args(text)), None, "{text}");
        }
    }
}

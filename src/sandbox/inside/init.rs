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

use super::{forward, proxy_environment};
use crate::docker::TAKE_OVER;
use crate::inside::confinement::Confinement;
use crate::inside::container::container_init;
use crate::inside::landlock_rules::{self as territory, LandlockRules};
use crate::inside::resource_limits;
use crate::inside::resource_limits::ResourceLimits;
use crate::preview::WEB_SOCKET;
use crate::protection_layer::ProtectionLayer;
use crate::run::probe::KernelRequirements;
use crate::spec::{
    AllowedSockets, PROXY_PORT, PROXY_SOCKET, ProgramSpec, SandboxProfile, SandboxSpec,
};
use crate::supervision::supervise;
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
pub(crate) enum Enclosure {
    /// Namespaces of its own.
    Sandbox,
    /// A container, where the engine keeps the limits.
    Container,
    /// The machine.
    Host,
}

impl Enclosure {
    fn name(self) -> &'static str {
        match self {
            Enclosure::Sandbox => "sandbox",
            Enclosure::Container => "container",
            Enclosure::Host => "nothing",
        }
    }
}

/// Returns the arguments for `inner` in a sandbox of `spec`, from the subcommand's name on.
pub(crate) fn arguments(
    spec: &SandboxSpec,
    inner: &ProgramSpec,
    around: Enclosure,
    demands: KernelRequirements,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![NAME.into(), around.name().into()];
    args.extend(DoorForwarding::for_spec(spec).into_words());
    if around != Enclosure::Host {
        args.extend(confinement_words(spec, around, demands));
    }
    args.push("--".into());
    args.push(inner.program.clone());
    args.extend(inner.args.iter().cloned());
    args
}

/// Returns the words for the walls of `spec`: the limits, the filter, then Landlock's rules.
fn confinement_words(
    spec: &SandboxSpec,
    around: Enclosure,
    demands: KernelRequirements,
) -> Vec<OsString> {
    let mut words = Vec::new();
    if spec.is_enabled(ProtectionLayer::Limits) {
        words.push(match around {
            Enclosure::Sandbox => LIMITS.into(),
            // Processes of the same user that are not in the container would count.
            Enclosure::Container | Enclosure::Host => FILE_LIMITS.into(),
        });
    }
    if spec.is_enabled(ProtectionLayer::Seccomp) {
        words.push(match spec.profile.allowed_sockets() {
            AllowedSockets::Tcp => SOCKETS_TCP.into(),
            AllowedSockets::Local => SOCKETS_LOCAL.into(),
        });
    }
    if let Some(territory) = territory::rules_for(spec, demands.landlock) {
        words.extend(territory.to_words());
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
struct InitConfig {
    enclosure: Enclosure,
    door: DoorForwarding,
    limits: ResourceLimits,
    confinement: Confinement,
    program: OsString,
    args: Vec<OsString>,
}

#[derive(Debug, PartialEq, Eq)]
enum DoorForwarding {
    Closed,
    Gateway(PathBuf),
    Proxy(PathBuf),
    Web(PathBuf, u16),
}

impl DoorForwarding {
    fn for_spec(spec: &SandboxSpec) -> Self {
        match (spec.profile, &spec.door) {
            (SandboxProfile::Agent(_), Some(door)) => DoorForwarding::Gateway(door.clone()),
            (SandboxProfile::Browser, Some(door)) => DoorForwarding::Proxy(door.clone()),
            (SandboxProfile::Preview { port, .. }, Some(door)) => {
                DoorForwarding::Web(door.clone(), port)
            }
            (SandboxProfile::Command(_), _) | (_, None) => DoorForwarding::Closed,
        }
    }

    fn into_words(self) -> Vec<OsString> {
        match self {
            DoorForwarding::Closed => vec!["closed".into()],
            DoorForwarding::Gateway(path) => vec!["gateway".into(), path.into()],
            DoorForwarding::Proxy(path) => vec!["proxy".into(), path.into()],
            DoorForwarding::Web(path, port) => {
                vec!["web".into(), path.into(), port.to_string().into()]
            }
        }
    }

    /// Returns the variable that leads the program to the port of the door.
    fn variable(&self, port: u16) -> Option<(&'static str, String)> {
        match self {
            DoorForwarding::Gateway(_) => Some((BASE_URL, format!("http://127.0.0.1:{port}"))),
            DoorForwarding::Proxy(_) => Some((PROXY_PORT, port.to_string())),
            DoorForwarding::Closed | DoorForwarding::Web(..) => None,
        }
    }

    /// Reads the words at the beginning of `words`; returns what follows them.
    fn parse(words: &[OsString]) -> Option<(Self, &[OsString])> {
        let (kind, rest) = words.split_first()?;
        match (kind.to_str()?, rest) {
            ("closed", rest) => Some((DoorForwarding::Closed, rest)),
            ("gateway", [path, rest @ ..]) => Some((DoorForwarding::Gateway(path.into()), rest)),
            ("proxy", [path, rest @ ..]) => Some((DoorForwarding::Proxy(path.into()), rest)),
            ("web", [path, port, rest @ ..]) => {
                let port = port.to_str()?.parse().ok()?;
                Some((DoorForwarding::Web(path.into(), port), rest))
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
    close_inherited_fds();
    if args == [TAKE_OVER] {
        return container_init::run_in_container(|told, link| {
            let order = parse_config(&told.init_args).ok_or("its order cannot be read")?;
            run_init(&order, told.env.clone(), Some(link))
        });
    }
    let order = parse_config(args).ok_or("it is for internal use")?;
    // The environment is handed on, not read.
    run_init(&order, std::env::vars_os().collect(), None)
}

type EnvironmentVariables = Vec<(OsString, OsString)>;

/// Runs the program of `order`. `link` is the line to whoever must live for it to go on.
fn run_init(
    order: &InitConfig,
    env: EnvironmentVariables,
    link: Option<UnixStream>,
) -> Result<u8, String> {
    apply_limits(order).map_err(|errno| format!("cannot set limits: {errno}"))?;
    if order.enclosure != Enclosure::Host {
        // Its memory and its descriptors are nobody's business, not even where Landlock is missing.
        nix::sys::prctl::set_dumpable(false)
            .map_err(|errno| format!("cannot close its memory: {errno}"))?;
    }
    supervise::build_runtime()?.block_on(async {
        let alone = async {
            match link {
                Some(link) => container_init::forward_signals(link).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = run_program(order, env) => status.map(supervise::exit_code),
            reason = alone => Err(reason),
        }
    })
}

fn apply_limits(order: &InitConfig) -> nix::Result<()> {
    resource_limits::disable_core_dumps()?;
    resource_limits::apply(order.limits)
}

fn parse_config(args: &[OsString]) -> Option<InitConfig> {
    let (around, rest) = args.split_first()?;
    let around = [Enclosure::Sandbox, Enclosure::Container, Enclosure::Host]
        .into_iter()
        .find(|known| around == known.name())?;
    let (door, rest) = DoorForwarding::parse(rest)?;
    let end = rest.iter().position(|arg| arg == "--")?;
    let [program, inner @ ..] = &rest[end + 1..] else {
        return None;
    };
    let (limits, walls) = parse_confinement(&rest[..end])?;
    Some(InitConfig {
        enclosure: around,
        door,
        limits,
        confinement: walls,
        program: program.clone(),
        args: inner.to_vec(),
    })
}

fn parse_confinement(words: &[OsString]) -> Option<(ResourceLimits, Confinement)> {
    let (mut limits, mut walls, mut rest) =
        (ResourceLimits::Nothing, Confinement::default(), words);
    while let [word, after @ ..] = rest {
        rest = after;
        match word.to_str()? {
            LIMITS => limits = ResourceLimits::All,
            FILE_LIMITS => limits = ResourceLimits::Files,
            SOCKETS_TCP => walls.sockets = Some(AllowedSockets::Tcp),
            SOCKETS_LOCAL => walls.sockets = Some(AllowedSockets::Local),
            LANDLOCK => {
                walls.landlock = Some(LandlockRules::parse(rest)?);
                rest = &[];
            }
            _ => return None,
        }
    }
    Some((limits, walls))
}

/// Closes every descriptor but the standard streams: whatever leaked into us must not get any
/// further.
fn close_inherited_fds() {
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

async fn run_program(order: &InitConfig, env: EnvironmentVariables) -> Result<ExitStatus, String> {
    let port = open_door(&order.door)
        .await
        .map_err(|error| format!("cannot open the door: {error}"))?;
    let login = env.iter().find(|(name, _)| name == PROXY_LOGIN);
    let login = login.map(|(_, value)| value.clone());
    let mut command = process::new_command(&order.program);
    command.args(&order.args).envs(env);
    command.envs(port.and_then(|port| order.door.variable(port)));
    command.env_remove(PROXY_LOGIN);
    if let (Some(port), Some(login)) = (port, login) {
        command.envs(proxy_environment::proxy_variables(
            &login,
            port,
            order.confinement.sockets,
        ));
    }
    command.stdin(Stdio::inherit());
    supervise::run_supervised(|| order.confinement.spawn(command, port), None)
        .await
        .map_err(|error| format!("cannot start {}: {error}", order.program.display()))
}

/// Returns the port of the gateway's door.
async fn open_door(door: &DoorForwarding) -> io::Result<Option<u16>> {
    match door {
        DoorForwarding::Closed => Ok(None),
        DoorForwarding::Proxy(directory) => {
            let port = forward::forward_port_to_socket(directory.join(PROXY_SOCKET)).await?;
            Ok(Some(port))
        }
        DoorForwarding::Gateway(directory) => {
            let port = forward::forward_port_to_socket(directory.join("gateway.sock")).await?;
            Ok(Some(port))
        }
        DoorForwarding::Web(directory, port) => {
            forward::forward_socket_to_port(&directory.join(WEB_SOCKET), *port)?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WorkspaceDirs;
    use eklavya_core::agent::role::Role;

    fn args(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn arguments_are_read_back() {
        let order = parse_config(&args("sandbox gateway /d -- claude -p -- x")).unwrap();
        assert_eq!(order.enclosure, Enclosure::Sandbox);
        assert_eq!(order.door, DoorForwarding::Gateway("/d".into()));
        assert_eq!(order.program, "claude");
        assert_eq!(order.args, ["-p", "--", "x"]);
        assert_eq!(order.confinement, Confinement::default());
        let order = parse_config(&args("sandbox proxy /d -- x")).unwrap();
        assert_eq!(order.door, DoorForwarding::Proxy("/d".into()));
        let order = parse_config(&args("nothing web /d 80 -- x")).unwrap();
        assert_eq!(
            (order.enclosure, order.door),
            (Enclosure::Host, DoorForwarding::Web("/d".into(), 80))
        );
    }

    #[test]
    fn the_walls_of_a_specification_are_read_back() {
        let mut spec = SandboxSpec::new(
            SandboxProfile::Agent(Role::Developer),
            &WorkspaceDirs::below("/-- landlock".as_ref()),
        );
        let demands = KernelRequirements { landlock: 3 };
        let inner = ProgramSpec::new("x", ["--", "limits"]);
        let read = |spec: &SandboxSpec| {
            let args = arguments(spec, &inner, Enclosure::Sandbox, demands);
            parse_config(&args[1..]).unwrap()
        };
        let order = read(&spec);
        assert_eq!(order.limits, ResourceLimits::All);
        // The engine has the container's own count.
        let args = arguments(&spec, &inner, Enclosure::Container, demands);
        assert_eq!(
            parse_config(&args[1..]).unwrap().limits,
            ResourceLimits::Files
        );
        assert_eq!(order.confinement.sockets, Some(AllowedSockets::Local));
        assert_eq!(order.confinement.landlock, territory::rules_for(&spec, 3));
        assert_eq!(order.args, ["--", "limits"]);
        spec.disabled_layers = vec![
            ProtectionLayer::Limits,
            ProtectionLayer::Seccomp,
            ProtectionLayer::Landlock,
        ];
        assert_eq!(
            (read(&spec).limits, read(&spec).confinement),
            (ResourceLimits::Nothing, Confinement::default())
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
            assert_eq!(parse_config(&args(text)), None, "{text}");
        }
    }
}

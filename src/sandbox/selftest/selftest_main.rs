//! `eklavya sandbox-selftest`: tries, from inside, what the sandbox must refuse.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::kill;
use nix::unistd::{Pid, geteuid};
use serde::Serialize;

use super::probes::{self, ProbeTargets, ProxyEndpoint};
use super::test_workspace::ROLE;
use super::{GUARANTEES, Guarantee, GuaranteeFinding, GuaranteeResult};

/// The subcommand's name.
pub const NAME: &str = "sandbox-selftest";

/// The outcome of a check: what was kept, or what was not.
type CheckOutcome = Result<String, String>;

/// Makes the checks that the arguments select, and writes a line of JSON for each to `output`. The
/// arguments are `guarantees FILE PORT PID` (a file and a port of the host, and the caller's process id
/// there), or `role TARGETS`.
///
/// # Errors
/// The arguments are invalid, or `output` cannot be written.
pub fn main(args: &[OsString], output: &mut impl Write) -> Result<u8, String> {
    let words: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
    match words.as_deref() {
        Some([GUARANTEES, secret, port, caller]) => {
            let (Ok(port), Ok(caller)) = (port.parse(), caller.parse()) else {
                return Err("this command is for internal use: PORT and PID are numbers".to_owned());
            };
            write_json_lines(output, &check_guarantees(Path::new(secret), port, caller))
        }
        Some([ROLE, targets]) => {
            let targets: ProbeTargets =
                serde_json::from_str(targets).map_err(|error| error.to_string())?;
            let proxy = proxy_from_environment();
            write_json_lines(output, &probes::run_probes(&targets, proxy.as_ref()))
        }
        _ => Err("this command is for internal use".to_owned()),
    }
}

fn write_json_lines(output: &mut impl Write, findings: &[impl Serialize]) -> Result<u8, String> {
    for finding in findings {
        let line = serde_json::to_string(finding).map_err(|error| error.to_string())?;
        writeln!(output, "{line}").map_err(|error| error.to_string())?;
    }
    Ok(0)
}

/// Returns the proxy that the environment names: these variables are part of what is tested.
fn proxy_from_environment() -> Option<ProxyEndpoint> {
    let mut variables = std::env::vars_os();
    let (_, url) = variables.find(|(name, _)| name == "HTTP_PROXY")?;
    ProxyEndpoint::parse(url.to_str()?)
}

fn check_guarantees(secret: &Path, port: u16, caller: i32) -> Vec<GuaranteeFinding> {
    let checked = [
        (Guarantee::Files, check_files(secret)),
        (Guarantee::Roles, check_roles()),
        (Guarantee::Seccomp, check_seccomp()),
        (Guarantee::Network, check_network(port)),
        (Guarantee::Processes, check_processes(caller)),
        (Guarantee::Identity, check_identity()),
        (Guarantee::KernelSettings, check_kernel_settings()),
        (Guarantee::Limits, check_limits()),
        // Last, because it would change everything after it.
        (Guarantee::UserNamespaces, check_user_namespaces()),
    ];
    let finding = |(guarantee, found)| match found {
        Ok(detail) => (guarantee, GuaranteeResult::Yes, detail),
        Err(detail) => (guarantee, GuaranteeResult::No, detail),
    };
    let findings = checked.into_iter().map(finding);
    findings
        .map(|(guarantee, state, detail)| GuaranteeFinding {
            guarantee,
            state,
            detail,
        })
        .collect()
}

fn check_files(secret: &Path) -> CheckOutcome {
    for path in [secret, Path::new("/etc/shadow"), Path::new("/root")] {
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} exists", path.display()));
        }
    }
    Ok("the only files of the machine are parts of programs".to_owned())
}

fn check_roles() -> CheckOutcome {
    if fs::write("src/new", "").is_ok() {
        return Err("an architect could write outside of docs".to_owned());
    }
    match fs::write("docs/new", "") {
        Ok(()) => Ok("an architect could write in docs and not in src".to_owned()),
        Err(error) => Err(format!("an architect could not write in docs: {error}")),
    }
}

fn check_seccomp() -> CheckOutcome {
    if read_status("Seccomp:") != Some("2".to_owned()) {
        return Err("no filter is installed".to_owned());
    }
    match UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Ok("a forbidden system call was refused".to_owned())
        }
        _ => Err("a forbidden system call was allowed".to_owned()),
    }
}

fn check_network(port: u16) -> CheckOutcome {
    if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return Err("a connection to a port of this machine succeeded".to_owned());
    }
    let devices = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let names: Vec<&str> = devices
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    match names.as_slice() {
        ["lo"] => Ok("the only network is its own loopback".to_owned()),
        others => Err(format!("these networks are visible: {}", others.join(", "))),
    }
}

fn check_processes(caller: i32) -> CheckOutcome {
    let count = fs::read_dir("/proc").map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
            .count()
    });
    // A low process id may also be that of one of the few processes inside.
    let seen = caller > 10 && kill(Pid::from_raw(caller), None) != Err(Errno::ESRCH);
    if seen || count > 10 {
        return Err(format!("{count} processes are visible"));
    }
    // Process 1 is not confined by Landlock.
    if fs::read("/proc/1/environ").is_ok() {
        return Ok(
            "processes of the machine are not visible; the sandbox's first process can be read"
                .to_owned(),
        );
    }
    Ok("only the sandbox's own are visible, and those around the agent cannot be read".to_owned())
}

fn check_identity() -> CheckOutcome {
    let user = geteuid();
    if user.is_root() {
        return Err("it runs as root".to_owned());
    }
    for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
        let capabilities = read_status(set).unwrap_or_default();
        if capabilities.chars().any(|digit| digit != '0') {
            return Err(format!("{set} {capabilities}"));
        }
    }
    if read_status("NoNewPrivs:") != Some("1".to_owned()) {
        return Err("programs can gain privileges".to_owned());
    }
    Ok(format!("user {user} without capabilities"))
}

fn check_kernel_settings() -> CheckOutcome {
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"] {
        if OpenOptions::new().write(true).open(path).is_ok() {
            return Err(format!("{path} could be opened for writing"));
        }
    }
    Ok("none of them can be written".to_owned())
}

fn check_limits() -> CheckOutcome {
    const NEVER: u64 = nix::sys::resource::RLIM_INFINITY;
    let limit = |resource| getrlimit(resource).map_or(NEVER, |(_, hard)| hard);
    let (tasks, bytes) = (limit(Resource::RLIMIT_NPROC), limit(Resource::RLIMIT_FSIZE));
    if tasks == NEVER || bytes == NEVER || limit(Resource::RLIMIT_CORE) != 0 {
        return Err("processes, files or core dumps are not limited".to_owned());
    }
    Ok(format!(
        "{tasks} processes, {} MiB per file, no core dumps",
        bytes >> 20
    ))
}

fn check_user_namespaces() -> CheckOutcome {
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Ok(()) => Err("one could be created".to_owned()),
        Err(_) => Ok("none could be created".to_owned()),
    }
}

/// Returns the value of a line of /proc/self/status, e.g. of `NoNewPrivs:`.
fn read_status(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

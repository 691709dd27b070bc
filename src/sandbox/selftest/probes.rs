//! The attempts of a role, made from inside its sandbox.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::NAME;
use crate::selftest::access_probe::{AccessProbe, ClonePart, HostKind, ProbeOutcome};
use eklavya_core::process;

/// What a server of the examination answers.
pub const ANSWER: &str = "reached by the examination";

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes that are read of an answer.
const MAX_ANSWER: u64 = 64 * 1024;
/// What the shell is to end with.
const CODE: i32 = 42;

/// Where the attempts are aimed at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProbeTargets {
    /// A directory of the machine, with a file called `secret`.
    pub outside: PathBuf,
    /// HOME.
    pub home: PathBuf,
    /// A port of the machine.
    pub port: u16,
    /// Hosts beyond the door, with their ports.
    pub hosts: Vec<(HostKind, String)>,
}

/// The way out, as programs are told of it.
pub(crate) struct ProxyEndpoint {
    port: u16,
    /// `user:password`.
    login: String,
}

impl ProxyEndpoint {
    /// Reads the URL of a proxy: `http://user:password@127.0.0.1:port`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (login, address) = url.strip_prefix("http://")?.rsplit_once('@')?;
        Some(Self {
            port: address.rsplit_once(':')?.1.parse().ok()?,
            login: login.to_owned(),
        })
    }
}

/// Makes all attempts in the workspace, which is where this process is.
pub(crate) fn run_probes(
    targets: &ProbeTargets,
    door: Option<&ProxyEndpoint>,
) -> Vec<ProbeOutcome> {
    let outcome = |attempt| ProbeOutcome {
        attempt,
        refused: run_probe(attempt, targets, door)
            .err()
            .map(|error| error.to_string()),
    };
    AccessProbe::ALL.map(outcome).into()
}

fn run_probe(
    attempt: AccessProbe,
    targets: &ProbeTargets,
    door: Option<&ProxyEndpoint>,
) -> io::Result<()> {
    match attempt {
        AccessProbe::ReadClone => fs::read("src/file").map(drop),
        AccessProbe::Write(part) => write_part(part),
        AccessProbe::ReadOutside => fs::read(targets.outside.join("secret")).map(drop),
        AccessProbe::WriteOutside => fs::write(targets.outside.join("made"), ""),
        AccessProbe::ReadHistory => fs::read(".git/HEAD").map(drop),
        AccessProbe::AskGit => ask_git(),
        AccessProbe::WriteBranch => fs::write(".git/refs/heads/made", ""),
        AccessProbe::WriteConfig => OpenOptions::new()
            .append(true)
            .open(".git/config")
            .map(drop),
        AccessProbe::WriteHook => fs::write(".git/hooks/post-commit", ""),
        AccessProbe::RunShell => run_shell(),
        AccessProbe::RunOwn => run_own(&targets.home),
        AccessProbe::ConnectToMachine => connect(targets.port).map(drop),
        AccessProbe::AskDoor => ask_door(require_door(door)?),
        AccessProbe::Reach(destination) => {
            let hosts = targets.hosts.iter();
            let host = hosts.into_iter().find(|(kind, _)| *kind == destination);
            let (_, host) = host.ok_or_else(|| io::Error::other("no such host is there"))?;
            reach_host(require_door(door)?, host)
        }
    }
}

fn write_part(part: ClonePart) -> io::Result<()> {
    fs::write(Path::new(part.path()).join("made"), "")
}

fn ask_git() -> io::Result<()> {
    let mut git = process::new_command("/usr/bin/git").into_std();
    let said = git.args(["symbolic-ref", "HEAD"]).output()?;
    if said.stdout == b"refs/heads/main\n" {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&said.stderr);
    Err(io::Error::other(format!("git says: {}", why.trim())))
}

fn run_shell() -> io::Result<()> {
    let mut shell = process::new_command("/bin/sh").into_std();
    shell.args(["-c", &format!("exit {CODE}")]);
    let status = shell.stdout(Stdio::null()).status()?;
    if status.code() == Some(CODE) {
        return Ok(());
    }
    Err(io::Error::other(format!("the shell ended with {status}")))
}

/// Starts a script whose interpreter may be started: only what the script itself is stands in the
/// way.
fn run_own(home: &Path) -> io::Result<()> {
    let own = home.join("own");
    let interpreter = fs::read_link("/proc/self/exe")?;
    fs::write(&own, format!("#!{} {NAME}\n", interpreter.display()))?;
    fs::set_permissions(&own, Permissions::from_mode(0o755))?;
    let mut own = process::new_command(&own).into_std();
    own.stdout(Stdio::null()).stderr(Stdio::null());
    own.status().map(drop)
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn require_door(door: Option<&ProxyEndpoint>) -> io::Result<&ProxyEndpoint> {
    door.ok_or_else(|| io::Error::other("it was told of no door"))
}

/// Whatever the door answers, somebody is there.
fn ask_door(door: &ProxyEndpoint) -> io::Result<()> {
    let answer = send_request(door.port, "GET / HTTP/1.1\r\nHost: door\r\n")?;
    parse_status(&answer).map(drop)
}

fn reach_host(door: &ProxyEndpoint, host: &str) -> io::Result<()> {
    let login = BASE64_STANDARD.encode(&door.login);
    let head = format!(
        "GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Basic {login}\r\n"
    );
    let answer = send_request(door.port, &head)?;
    if answer.contains(ANSWER) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the door answers {}",
        parse_status(&answer)?
    )))
}

fn send_request(port: u16, head: &str) -> io::Result<String> {
    let mut stream = connect(port)?;
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Returns the status of an answer, and its text.
fn parse_status(answer: &str) -> io::Result<String> {
    let first = answer.lines().next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .ok_or_else(|| io::Error::other("the door says nothing"))?;
    let text = answer
        .split_once("\r\n\r\n")
        .map_or("", |(_, text)| text.trim());
    Ok(format!("{status}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_read_from_what_programs_are_told() {
        let door = ProxyEndpoint::parse("http://agent:key@127.0.0.1:4321").unwrap();
        assert_eq!((door.port, door.login.as_str()), (4321, "agent:key"));
        for url in [
            "",
            "http://127.0.0.1:1",
            "http://a@127.0.0.1",
            "https://a@b:1",
        ] {
            assert!(ProxyEndpoint::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn what_an_answer_says_is_its_status_and_its_text() {
        let answer = "HTTP/1.1 403 Forbidden\r\na: b\r\n\r\nno\n";
        assert_eq!(parse_status(answer).unwrap(), "403 Forbidden: no");
        assert!(parse_status("").is_err());
    }
}

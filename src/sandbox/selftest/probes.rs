//! Making the probes of a role from inside its sandbox.

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
use super::access_probe::{AccessProbe, ClonePart, HostKind, ProbeOutcome};
use eklavya_core::process;

/// The body with which the servers of the self-test respond.
pub const ANSWER: &str = "reached by the self-test";

/// How long a host may take to respond.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The bytes of a response that are read at most.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;
/// The exit code that the shell must end with.
const CODE: i32 = 42;

/// The targets of the probes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProbeTargets {
    /// A directory of the machine that contains a file `secret`.
    pub outside: PathBuf,
    pub home: PathBuf,
    /// A port of the machine.
    pub port: u16,
    /// Hosts beyond the door, with ports.
    pub hosts: Vec<(HostKind, String)>,
}

/// The proxy that the environment of programs names.
pub(crate) struct ProxyEndpoint {
    port: u16,
    /// `user:password`.
    login: String,
}

impl ProxyEndpoint {
    /// Parses the URL of a proxy: `http://user:password@127.0.0.1:port`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (login, address) = url.strip_prefix("http://")?.rsplit_once('@')?;
        Some(Self {
            port: address.rsplit_once(':')?.1.parse().ok()?,
            login: login.to_owned(),
        })
    }
}

/// Makes all probes. The working directory must be the workspace.
pub(crate) fn run_probes(
    targets: &ProbeTargets,
    proxy: Option<&ProxyEndpoint>,
) -> Vec<ProbeOutcome> {
    let outcome = |attempt| ProbeOutcome {
        attempt,
        refused: run_probe(attempt, targets, proxy)
            .err()
            .map(|error| error.to_string()),
    };
    AccessProbe::ALL.map(outcome).into()
}

fn run_probe(
    attempt: AccessProbe,
    targets: &ProbeTargets,
    proxy: Option<&ProxyEndpoint>,
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
        AccessProbe::AskDoor => ask_door(require_proxy(proxy)?),
        AccessProbe::Reach(wanted) => {
            let host = targets.hosts.iter().find(|(kind, _)| *kind == wanted);
            let (_, host) = host.ok_or_else(|| io::Error::other("no host of this kind exists"))?;
            reach_host(require_proxy(proxy)?, host)
        }
    }
}

fn write_part(part: ClonePart) -> io::Result<()> {
    fs::write(Path::new(part.path()).join("made"), "")
}

fn ask_git() -> io::Result<()> {
    let mut git = process::new_command("/usr/bin/git").into_std();
    let output = git.args(["symbolic-ref", "HEAD"]).output()?;
    if output.stdout == b"refs/heads/main\n" {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("git failed: {}", stderr.trim())))
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

/// Starts a script whose interpreter may run, so that only the script itself can be refused.
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
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn require_proxy(proxy: Option<&ProxyEndpoint>) -> io::Result<&ProxyEndpoint> {
    proxy.ok_or_else(|| io::Error::other("the environment names no proxy"))
}

/// Any response shows that the door is open.
fn ask_door(proxy: &ProxyEndpoint) -> io::Result<()> {
    let response = send_request(proxy.port, "GET / HTTP/1.1\r\nHost: door\r\n")?;
    parse_status(&response).map(drop)
}

fn reach_host(proxy: &ProxyEndpoint, host: &str) -> io::Result<()> {
    let login = BASE64_STANDARD.encode(&proxy.login);
    let head = format!(
        "GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Basic {login}\r\n"
    );
    let response = send_request(proxy.port, &head)?;
    if response.contains(ANSWER) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the door responded with {}",
        parse_status(&response)?
    )))
}

fn send_request(port: u16, head: &str) -> io::Result<String> {
    let mut stream = connect(port)?;
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Returns the status and the body of a response as one text.
fn parse_status(response: &str) -> io::Result<String> {
    let first = response.lines().next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .ok_or_else(|| io::Error::other("the door did not respond"))?;
    let text = response
        .split_once("\r\n\r\n")
        .map_or("", |(_, text)| text.trim());
    Ok(format!("{status}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_endpoint_is_parsed_from_its_url() {
        let proxy = ProxyEndpoint::parse("http://agent:key@127.0.0.1:4321").unwrap();
        assert_eq!((proxy.port, proxy.login.as_str()), (4321, "agent:key"));
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
    fn a_response_is_shown_as_its_status_and_its_body() {
        let response = "HTTP/1.1 403 Forbidden\r\na: b\r\n\r\nno\n";
        assert_eq!(parse_status(response).unwrap(), "403 Forbidden: no");
        assert!(parse_status("").is_err());
    }
}

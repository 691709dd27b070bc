//! `sandbox-init` as the first process of a container: it receives its streams and its configuration
//! from the relay outside, checks the mounts, and ends when the relay ends.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;

use super::container_link::{self as link, DIRECTORY, ENDED, SOCKET, STARTED};
use super::mount_check::ExpectedMount;

/// The configuration that the relay sends to `sandbox-init`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ContainerInitConfig {
    /// The program's whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The program's working directory.
    pub cwd: PathBuf,
    pub expected_mounts: Vec<ExpectedMount>,
    /// The arguments that `sandbox-init` gets on its command line outside of a container.
    pub init_args: Vec<OsString>,
}

impl ContainerInitConfig {
    /// Returns the words in the order in which `parse` reads them.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words = vec![self.env.len().to_string().into()];
        for (name, value) in &self.env {
            words.extend([name.clone(), value.clone()]);
        }
        words.push(self.cwd.clone().into());
        words.push(self.expected_mounts.len().to_string().into());
        words.extend(
            self.expected_mounts
                .iter()
                .flat_map(ExpectedMount::to_words),
        );
        words.extend(self.init_args.iter().cloned());
        words
    }

    fn parse(words: &[OsString]) -> Option<Self> {
        let (count, rest) = split_count(words)?;
        let (variables, rest) = rest.split_at_checked(count.checked_mul(2)?)?;
        let (cwd, rest) = rest.split_first()?;
        let (checks, rest) = split_count(rest)?;
        let (expected, rest) = rest.split_at_checked(checks.checked_mul(5)?)?;
        Some(Self {
            env: variables
                .chunks_exact(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect(),
            cwd: cwd.into(),
            expected_mounts: expected
                .chunks_exact(5)
                .map(ExpectedMount::parse)
                .collect::<Option<_>>()?,
            init_args: rest.to_vec(),
        })
    }
}

fn split_count(words: &[OsString]) -> Option<(usize, &[OsString])> {
    let (first, rest) = words.split_first()?;
    Some((first.to_str()?.parse().ok()?, rest))
}

/// Receives the configuration from the relay, calls `run` with it, and sends the exit code back.
///
/// # Errors
/// The relay has ended, a mount is not the expected one, or `run` failed.
pub(crate) fn run_in_container(
    run: impl FnOnce(&ContainerInitConfig, UnixStream) -> Result<u8, String>,
) -> Result<u8, String> {
    let lost = |error: std::io::Error| format!("cannot talk to the relay: {error}");
    let mut link = UnixStream::connect(Path::new(DIRECTORY).join(SOCKET)).map_err(lost)?;
    let received = link::receive_fds(&link).map_err(lost)?;
    // From here on, errors are written to the program's stderr.
    rustix::stdio::dup2_stdin(received.stdin)
        .and_then(|()| rustix::stdio::dup2_stdout(received.stdout))
        .and_then(|()| rustix::stdio::dup2_stderr(received.stderr))
        .map_err(|errno| format!("cannot use the received streams: {errno}"))?;
    let ended = apply_config(&mut link, received.config, run);
    let code = *ended.as_ref().unwrap_or(&CANNOT_START);
    // If this fails, the relay has ended, and the container ends with it.
    let _ = link.write_all(&[ENDED, code]);
    ended
}

fn apply_config(
    link: &mut UnixStream,
    config: OwnedFd,
    run: impl FnOnce(&ContainerInitConfig, UnixStream) -> Result<u8, String>,
) -> Result<u8, String> {
    let lost = |error: std::io::Error| format!("cannot talk to the relay: {error}");
    let words = link::read_words(config).map_err(lost)?;
    let config = ContainerInitConfig::parse(&words)
        .ok_or("the configuration of the container cannot be read")?;
    config
        .expected_mounts
        .iter()
        .try_for_each(ExpectedMount::verify)?;
    std::env::set_current_dir(&config.cwd)
        .map_err(|error| format!("cannot start in {}: {error}", config.cwd.display()))?;
    link.write_all(&[STARTED]).map_err(lost)?;
    run(&config, link.try_clone().map_err(lost)?)
}

/// The exit code with which shells report that a program could not be started.
const CANNOT_START: u8 = 126;

/// Sends the signals that arrive over the link to this process itself, which forwards them to the
/// program. Returns the reason to stop when the relay has ended.
pub(crate) async fn forward_signals(link: UnixStream) -> String {
    let gone = "the relay has ended".to_owned();
    let Ok(()) = link.set_nonblocking(true) else {
        return gone;
    };
    let Ok(mut link) = tokio::net::UnixStream::from_std(link) else {
        return gone;
    };
    while let Ok(number) = link.read_u8().await {
        if let Ok(signal) = Signal::try_from(i32::from(number)) {
            let _ = kill(Pid::this(), signal);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::super::mount_check::ExpectedSource;
    use super::*;

    #[test]
    fn a_configuration_parses_from_its_own_words_and_malformed_words_do_not() {
        let config = ContainerInitConfig {
            env: vec![("A".into(), "1\n=2".into()), ("B".into(), "".into())],
            cwd: "/x".into(),
            expected_mounts: vec![ExpectedMount {
                path: "/x/docs".into(),
                base: "/x".into(),
                source: ExpectedSource::Mounted {
                    device: 1,
                    inode: 2,
                    writable: true,
                },
            }],
            init_args: vec!["sandbox".into(), "closed".into(), "--".into(), "2".into()],
        };
        assert_eq!(ContainerInitConfig::parse(&config.to_words()), Some(config));
        for wrong in [&["9", "A"][..], &["x"], &[], &["0"], &["0", "/", "1", "rw"]] {
            let words: Vec<OsString> = wrong.iter().map(OsString::from).collect();
            assert_eq!(ContainerInitConfig::parse(&words), None, "{wrong:?}");
        }
    }
}

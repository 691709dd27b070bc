//! `sandbox-init` as the first process of a container: it takes its streams and its order from the
//! relay, looks whether the mounts are what they should be, and ends when the relay is gone.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;

use crate::inside::container::container_link::{self as link, DIRECTORY, ENDED, SOCKET, STANDS};
use crate::inside::container::mount_check::ExpectedMount;

/// What the relay tells `sandbox-init`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ContainerInitConfig {
    /// The program's whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// What must be mounted.
    pub(crate) expected_mounts: Vec<ExpectedMount>,
    /// The arguments that `sandbox-init` would have elsewhere.
    pub init_args: Vec<OsString>,
}

impl ContainerInitConfig {
    /// Returns the words for it.
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
        let (checks, rest) = self::split_count(rest)?;
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

/// Does what the relay says by `run`, and tells it the code.
///
/// # Errors
/// The relay is gone, a mount is not what it should be, or `run` failed.
pub(crate) fn run_in_container(
    run: impl FnOnce(&ContainerInitConfig, UnixStream) -> Result<u8, String>,
) -> Result<u8, String> {
    let lost = |error: std::io::Error| format!("cannot talk to the relay: {error}");
    let mut link = UnixStream::connect(Path::new(DIRECTORY).join(SOCKET)).map_err(lost)?;
    let handed = link::receive_fds(&link).map_err(lost)?;
    // From here on, what goes wrong is said where the program's words go.
    rustix::stdio::dup2_stdin(handed.stdin)
        .and_then(|()| rustix::stdio::dup2_stdout(handed.stdout))
        .and_then(|()| rustix::stdio::dup2_stderr(handed.stderr))
        .map_err(|errno| format!("cannot take the streams: {errno}"))?;
    let ended = apply_config(&mut link, handed.order, run);
    let code = *ended.as_ref().unwrap_or(&CANNOT_START);
    // Where nobody hears it, the relay is gone and so is everything else in a moment.
    let _ = link.write_all(&[ENDED, code]);
    ended
}

fn apply_config(
    link: &mut UnixStream,
    order: OwnedFd,
    run: impl FnOnce(&ContainerInitConfig, UnixStream) -> Result<u8, String>,
) -> Result<u8, String> {
    let lost = |error: std::io::Error| format!("cannot talk to the relay: {error}");
    let words = link::read_words(order).map_err(lost)?;
    let order = ContainerInitConfig::parse(&words).ok_or("its order cannot be read")?;
    order
        .expected_mounts
        .iter()
        .try_for_each(ExpectedMount::verify)?;
    std::env::set_current_dir(&order.cwd)
        .map_err(|error| format!("cannot start in {}: {error}", order.cwd.display()))?;
    link.write_all(&[STANDS]).map_err(lost)?;
    run(&order, link.try_clone().map_err(lost)?)
}

/// The code with which shells say that a program could not be started.
const CANNOT_START: u8 = 126;

/// Hands signals that come over the link to this process itself, which passes them on. Returns when
/// the relay is gone.
pub(crate) async fn forward_signals(link: UnixStream) -> String {
    let gone = "the relay is gone".to_owned();
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
    use super::*;

    #[test]
    fn an_order_is_read_back() {
        let root = tempfile::tempdir().unwrap();
        let fd = crate::open_beneath::open_directory(root.path()).unwrap();
        let order = ContainerInitConfig {
            env: vec![("A".into(), "1\n=2".into()), ("B".into(), "".into())],
            cwd: "/x".into(),
            expected_mounts: vec![
                ExpectedMount::for_mount(&fd, root.path(), root.path(), true).unwrap(),
            ],
            init_args: vec!["sandbox".into(), "closed".into(), "--".into(), "2".into()],
        };
        assert_eq!(ContainerInitConfig::parse(&order.to_words()), Some(order));
        for wrong in [&["9", "A"][..], &["x"], &[], &["0"], &["0", "/", "1", "rw"]] {
            let words: Vec<OsString> = wrong.iter().map(OsString::from).collect();
            assert_eq!(ContainerInitConfig::parse(&words), None, "{wrong:?}");
        }
    }
}

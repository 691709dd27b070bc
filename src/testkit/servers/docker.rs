//! Docker engines for tests: the shared one that scripts/test starts, and private ones to break.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eklavya_sandbox::docker::{
    BASE_IMAGE, DockerEngine, ImageVariant, PullPolicy, build_image, list_images,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

/// The longest wait for an engine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The base image of the tests. scripts/test makes it from Debian packages, because tests cannot
/// pull images.
pub const BASE: &str = "eklavya/test-base:bookworm";

/// Reads a path that scripts/test exports.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment of the tests names the engine"
)]
#[track_caller]
fn path_from_env(name: &str) -> PathBuf {
    assert!(
        geteuid().is_root(),
        "the Docker tests need root, which starts a Docker engine for them: sudo scripts/test"
    );
    let value = std::env::var_os(name);
    let value = value.unwrap_or_else(|| {
        panic!(
            "{name} is not set: run the Docker tests with scripts/test, or with \
             scripts/with-docker cargo nextest run --test sandbox"
        )
    });
    value.into()
}

/// Returns the socket of the engine that all tests share.
#[track_caller]
pub fn socket() -> PathBuf {
    path_from_env("TEST_DOCKER")
}

/// Returns an archive of the base image's files.
#[track_caller]
pub fn base_archive() -> PathBuf {
    path_from_env("TEST_DOCKER_BASE")
}

/// Ensures that the shared engine has the images of this version; one test at a time builds them.
pub async fn ensure_images() -> PathBuf {
    let socket = socket();
    let lock = File::create(socket.with_extension("images")).unwrap();
    rustix::fs::flock(lock.as_fd(), rustix::fs::FlockOperation::LockExclusive).unwrap();
    let engine = DockerEngine::detect(&socket).await.unwrap();
    make_images(&engine).await;
    socket
}

/// Builds the missing images.
pub async fn make_images(engine: &DockerEngine) {
    let current = list_images(engine).await.unwrap();
    if current.iter().filter(|image| image.is_current).count() == ImageVariant::ALL.len() {
        return;
    }
    for variant in ImageVariant::ALL {
        let mut text = String::new();
        let mut listen = |line: &str| text.extend([line, "\n"]);
        let built = build_image(engine, variant, BASE, PullPolicy::Missing, &mut listen).await;
        built.unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    assert_ne!(BASE, BASE_IMAGE);
}

/// A private engine.
pub struct DockerDaemon {
    directory: TempDir,
    child: Child,
}

impl DockerDaemon {
    /// Starts an engine without images.
    pub fn start() -> Self {
        let _ = socket();
        // A short path: containerd has sockets below it.
        let place = tempfile::Builder::new()
            .prefix("ed")
            .tempdir_in("/tmp")
            .unwrap();
        let child = spawn(place.path());
        let mut daemon = Self {
            directory: place,
            child,
        };
        daemon.wait();
        daemon
    }

    /// Returns the socket of the engine.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    /// Waits until the engine answers.
    fn wait(&mut self) {
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap();
            let late = begun.elapsed() > PATIENCE;
            let ended = self.child.try_wait().unwrap().is_some();
            assert!(!late && !ended, "{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the engine and its containers.
    pub fn stop(&mut self) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        self.child.wait().unwrap();
    }

    /// Starts the engine after [`Self::stop`].
    pub fn restart(&mut self) {
        self.child = spawn(self.directory.path());
        self.wait();
    }

    /// Imports the base image.
    pub fn import_base(&self) {
        let done = docker_command(
            &self.socket(),
            &["import", base_archive().to_str().unwrap(), BASE],
        );
        assert!(done.0, "{}", done.1);
    }
}

impl Drop for DockerDaemon {
    fn drop(&mut self) {
        self.stop();
        // The engine leaves its data directory mounted.
        let _ = nix::mount::umount2(
            &self.directory.path().join("data"),
            nix::mount::MntFlags::MNT_DETACH,
        );
        let _ = fs::remove_dir_all(self.directory.path());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests start programs as a user does"
)]
fn spawn(place: &Path) -> Child {
    let path = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let log = File::create(place.join("log")).unwrap();
    let _ = fs::remove_file(place.join("pid"));
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "dockerd"])
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid")])
        .args(["--host", &format!("unix://{}", path("s"))])
        .args(["--bridge", "none", "--iptables=false", "--ip-forward=false"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Runs the docker CLI on an engine. Returns whether it succeeded, and its output.
#[expect(
    clippy::disallowed_methods,
    reason = "tests inspect the engine as a user does"
)]
pub fn docker_command(socket: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("/usr/bin/docker")
        .args(["--host", &format!("unix://{}", socket.display())])
        .args(arguments)
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

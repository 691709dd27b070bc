//! A private Redis server for tests: its own directory and socket, as an unprivileged user if
//! the tests run as root, without files on disk. It ends with the thread that started it.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

/// The longest wait for a server: far more than is needed on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Below the ports that the kernel gives to outgoing connections, so that a restart finds its own.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A running server.
#[derive(Debug)]
pub struct TestRedis {
    directory: TempDir,
    /// The port on 127.0.0.1. Without a port, the server listens only on a socket.
    port: Option<u16>,
    password: Option<String>,
    process: Option<Child>,
}

impl TestRedis {
    /// Starts a server on a socket.
    pub fn start() -> Self {
        Self::with(None, None)
    }

    /// Starts a server on a port of 127.0.0.1.
    pub fn on_tcp() -> Self {
        Self::with(Some(free_port()), None)
    }

    /// Starts a server that requires a password.
    pub fn guarded(password: &str) -> Self {
        Self::with(Some(free_port()), Some(password.to_owned()))
    }

    fn with(port: Option<u16>, password: Option<String>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("eklavya-redis-")
            .tempdir()
            .unwrap();
        if let Some(user) = other_user() {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(directory.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut server = Self {
            directory,
            port,
            password,
            process: None,
        };
        server.restart();
        server
    }

    /// Returns the URL of the server, without a password.
    pub fn url(&self) -> String {
        match self.port {
            Some(port) => format!("redis://127.0.0.1:{port}/"),
            None => format!("unix://{}", self.socket().display()),
        }
    }

    /// Returns the URL of the server with a password.
    pub fn url_with(&self, password: &str) -> String {
        let mut url = url::Url::parse(&self.url()).unwrap();
        url.set_password(Some(password)).unwrap();
        url.into()
    }

    /// Kills the server. All data is lost.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server without data at the same address. A running server is killed first.
    pub fn restart(&mut self) {
        self.kill();
        let log = self.directory.path().join("log");
        let mut process = self.spawn(&log);
        let begun = Instant::now();
        while self.connection().is_none() {
            let ended = process.try_wait().unwrap().is_some();
            if ended || begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                panic!("redis-server does not start:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    /// Freezes the server: connections stay open and get no answer.
    pub fn freeze(&self) {
        kill(self.pid(), Signal::SIGSTOP).unwrap();
    }

    /// Continues the server after [`Self::freeze`].
    pub fn thaw(&self) {
        kill(self.pid(), Signal::SIGCONT).unwrap();
    }

    /// Sends a command, e.g. `["KEYS", "*"]`, and returns the answer.
    pub fn query<T: redis::FromRedisValue>(&self, question: &[&str]) -> T {
        let mut command = redis::cmd(question[0]);
        command.arg(&question[1..]);
        let mut connection = self.connection().expect("redis-server answers");
        command.query(&mut connection).unwrap()
    }

    fn connection(&self) -> Option<redis::Connection> {
        let socket = format!("unix://{}", self.socket().display());
        let mut url = url::Url::parse(&socket).unwrap();
        if let Some(password) = &self.password {
            url.query_pairs_mut().append_pair("pass", password);
        }
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_connection_with_timeout(PATIENCE).ok()?;
        redis::cmd("PING").query::<()>(&mut connection).ok()?;
        Some(connection)
    }

    fn spawn(&self, log: &Path) -> Child {
        let mut server = server_command();
        let port = self.port.unwrap_or(0).to_string();
        server.args(["--port", &port, "--bind", "127.0.0.1"]);
        server.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        server.arg("--unixsocket").arg(self.socket());
        server.arg("--dir").arg(self.directory.path());
        if let Some(password) = &self.password {
            server.args(["--requirepass", password]);
        }
        let log = File::create(log).unwrap();
        server.stdout(log.try_clone().unwrap()).stderr(log);
        server.stdin(Stdio::null()).spawn().expect(
            "this test needs setpriv (Debian's package util-linux), by which it starts redis-server",
        )
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    fn pid(&self) -> Pid {
        let process = self.process.as_ref().expect("the server runs");
        Pid::from_raw(i32::try_from(process.id()).unwrap())
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the command of a server that dies with the thread that starts it.
#[expect(
    clippy::disallowed_methods,
    reason = "a fixture starts servers without the product"
)]
fn server_command() -> Command {
    let binary = ["/usr/bin", "/usr/local/bin", "/bin"]
        .map(|directory| Path::new(directory).join("redis-server"))
        .into_iter()
        .find(|file| file.is_file())
        .expect("this test needs redis-server: scripts/test installs it (Debian's package)");
    let mut command = Command::new("setpriv");
    command.env_clear().env("PATH", "/usr/bin:/bin");
    if let Some(user) = other_user() {
        command.arg(format!("--reuid={}", user.uid));
        command.arg(format!("--regid={}", user.gid));
        command.arg("--clear-groups");
    }
    command.arg("--pdeathsig=KILL").arg("--").arg(binary);
    command
}

fn other_user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = User::from_name("nobody").unwrap();
    Some(user.expect("the unprivileged user exists"))
}

fn free_port() -> u16 {
    loop {
        let port = rand::random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

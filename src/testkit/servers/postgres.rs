//! A private PostgreSQL server for tests: its own data directory, port and socket, as an
//! unprivileged user if the tests run as root. It ends with the test, even if the test is killed.
//!
//! `EKLAVYA_TEST_POSTGRES` names the directory of the binaries, instead of Debian's newest.

mod directory_reaper;
mod installation;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use directory_reaper::{DataMedium, DirectoryReaper};
use installation::{PostgresInstallation, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The longest wait for a server: far more than is needed on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Below the ports that the kernel gives to outgoing connections, so that a restart finds its own.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// The superuser. Tests connect as [`USER`], who owns the databases and has no other rights.
const SUPERUSER: &str = "postgres";
const USER: &str = "eklavya";

/// The options of a server.
#[derive(Debug, Clone, Copy)]
struct PostgresOptions<'a> {
    durable: bool,
    password: Option<&'a str>,
}

/// A server and its data.
#[derive(Debug)]
pub struct TestPostgres {
    installation: PostgresInstallation,
    reaper: DirectoryReaper,
    port: u16,
    durable: bool,
    postmaster: Mutex<Option<Child>>,
    databases: AtomicUsize,
}

impl TestPostgres {
    /// Starts a server that trusts all local users and does not wait for the disk.
    pub fn start() -> Self {
        Self::with(PostgresOptions {
            durable: false,
            password: None,
        })
    }

    /// Starts a server that waits for the disk as in production: for tests of durability, and for
    /// measurements.
    pub fn durable() -> Self {
        Self::with(PostgresOptions {
            durable: true,
            password: None,
        })
    }

    /// Starts a server that requires a password (scram-sha-256).
    pub fn guarded(password: &str) -> Self {
        Self::with(PostgresOptions {
            durable: false,
            password: Some(password),
        })
    }

    /// Returns the server that all tests of this process share. No test may stop it.
    pub fn shared_server() -> &'static Self {
        static SHARED: LazyLock<TestPostgres> = LazyLock::new(TestPostgres::start);
        &SHARED
    }

    /// Returns the URL of a new empty database on the server that all tests of this process share.
    pub fn shared() -> String {
        let server = Self::shared_server();
        // The first database exists already.
        match server.databases.fetch_add(1, Ordering::Relaxed) {
            0 => server.url(),
            number => server.new_database(&format!("eklavya_{number}")),
        }
    }

    fn with(options: PostgresOptions) -> Self {
        let installation = PostgresInstallation::find();
        let medium = if options.durable {
            DataMedium::Disk
        } else {
            DataMedium::Memory
        };
        let keeper = DirectoryReaper::new(medium);
        installation.copy_template(&keeper.data());
        if options.password.is_some() {
            let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
            fs::write(keeper.data().join("pg_hba.conf"), rules).unwrap();
        }
        let mut server = Self {
            installation,
            reaper: keeper,
            port: 0,
            durable: options.durable,
            postmaster: Mutex::new(None),
            databases: AtomicUsize::new(0),
        };
        server.first_start();
        if let Some(password) = options.password {
            let password = password.replace('\'', "''");
            server.psql(&format!("ALTER ROLE {USER} PASSWORD '{password}'"));
        }
        server
    }

    /// Returns the URL of the database `eklavya`, without a password.
    pub fn url(&self) -> String {
        self.url_with(USER, None, "eklavya")
    }

    /// Returns the URL by which `user` reaches `database`.
    pub fn url_with(&self, user: &str, password: Option<&str>, database: &str) -> String {
        let address = format!("postgres://127.0.0.1:{}/{database}", self.port);
        let mut url = url::Url::parse(&address).unwrap();
        url.set_username(user).unwrap();
        url.set_password(password).unwrap();
        url.into()
    }

    /// Creates an empty database and returns its URL.
    pub fn new_database(&self, name: &str) -> String {
        self.psql(&format!("CREATE DATABASE \"{name}\" OWNER {USER}"));
        self.url_with(USER, None, name)
    }

    /// Returns the port on 127.0.0.1; it stays the same when the server is started again.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the major version, e.g. 15.
    pub fn major(&self) -> u32 {
        self.installation.major()
    }

    /// Runs SQL as the superuser in the database `eklavya` and returns the output: a line for each
    /// row, `|` between columns.
    pub fn psql(&self, sql: &str) -> String {
        self.psql_in("eklavya", sql)
    }

    /// Runs SQL as the superuser in `database` and returns the output, as [`Self::psql`] does.
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        let mut psql = program(&self.installation.psql);
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER])
            .args(["-h", self.reaper.directory().to_str().unwrap()])
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        let output = psql.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql: {sql}: {text}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Kills all processes of the server at once, as a crash does. Does nothing if the server is
    /// not running.
    pub fn kill(&self) {
        let Some(mut postmaster) = self.postmaster.lock().unwrap().take() else {
            return;
        };
        self.freeze_all();
        self.signal_all(Signal::SIGKILL);
        postmaster.wait().unwrap();
        let gone = || self.reaper.processes().is_empty().then_some(());
        wait_for("the processes of a killed server to end", gone);
    }

    /// Stops the server gracefully, after it has closed all connections.
    pub fn stop(&self) {
        let Some(mut postmaster) = self.postmaster.lock().unwrap().take() else {
            return;
        };
        self.signal_all(Signal::SIGCONT);
        // Fast shutdown.
        kill(pid(&postmaster), Signal::SIGINT).unwrap();
        postmaster.wait().unwrap();
    }

    /// Starts the server after [`Self::kill`] or [`Self::stop`] on the same port with the same
    /// data. A running server is stopped first.
    pub fn restart(&self) {
        self.stop();
        wait_for("the server to start again", || self.try_start().ok());
    }

    /// Ends every connection, as an administrator does.
    pub fn cut_connections(&self) {
        self.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
    }

    /// Freezes all processes of the server: connections stay open and get no answer.
    pub fn freeze(&self) {
        self.freeze_all();
    }

    /// Continues the server after [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    /// Makes the database `eklavya` refuse writes of new connections, as a replica does, and cuts
    /// existing connections.
    pub fn make_read_only(&self) {
        self.psql("ALTER DATABASE eklavya SET default_transaction_read_only = on");
        self.cut_connections();
    }

    /// Reverts [`Self::make_read_only`].
    pub fn make_writable(&self) {
        // The setting applies to connections to `eklavya`, so this one uses another database.
        self.psql_in(
            "template1",
            "ALTER DATABASE eklavya RESET default_transaction_read_only",
        );
        self.cut_connections();
    }

    /// Starts the server on a free port, and retries if another process takes the port first.
    fn first_start(&mut self) {
        let begun = Instant::now();
        loop {
            self.port = free_port();
            match self.try_start() {
                Ok(()) => return,
                Err(log) => assert!(begun.elapsed() < PATIENCE, "no server: {log}"),
            }
        }
    }

    /// Starts the server on its port and waits until it answers. Returns its log if it ends
    /// instead.
    fn try_start(&self) -> Result<(), String> {
        let log = self.reaper.directory().join("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = self.installation.server(&self.reaper.data());
        command.args(["-p", &self.port.to_string()]);
        let sockets = self.reaper.directory().display();
        command.args(["-c", &format!("unix_socket_directories={sockets}")]);
        let durable = if self.durable { "on" } else { "off" };
        for setting in ["fsync", "full_page_writes"] {
            command.args(["-c", &format!("{setting}={durable}")]);
        }
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let ready = wait_for("the server to start", || {
            let ended = child.try_wait().unwrap().is_some();
            let ready = !ended && is_ready(&self.reaper.data(), &child);
            (ended || ready).then_some(ready)
        });
        if !ready {
            return Err(fs::read_to_string(log).unwrap_or_default());
        }
        *self.postmaster.lock().unwrap() = Some(child);
        Ok(())
    }

    /// Freezes processes of the server until none runs: a frozen process starts no others.
    fn freeze_all(&self) {
        let mut stopped = Vec::new();
        loop {
            let mut running = self.reaper.processes();
            running.retain(|process| !stopped.contains(process));
            if running.is_empty() {
                return;
            }
            for process in running {
                // The process may have ended.
                let _ = kill(process, Signal::SIGSTOP);
                stopped.push(process);
            }
        }
    }

    fn signal_all(&self, signal: Signal) {
        for process in self.reaper.processes() {
            // The process may have ended.
            let _ = kill(process, signal);
        }
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        // The reaper ends the server. Waiting here keeps the server from staying as a zombie.
        self.reaper.remove();
        if let Ok(mut postmaster) = self.postmaster.lock()
            && let Some(mut child) = postmaster.take()
        {
            let _ = child.wait();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Returns whether the server is ready, by the file that `pg_ctl` reads: line 1 is the process id,
/// line 8 the state.
fn is_ready(data: &Path, postmaster: &Child) -> bool {
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = file.lines();
    let same = lines.next() == Some(postmaster.id().to_string().as_str());
    same && lines.nth(6).map(str::trim_end) == Some("ready")
}

fn free_port() -> u16 {
    loop {
        let port = rand::random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[track_caller]
fn wait_for<T>(what: &str, mut happened: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = happened() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

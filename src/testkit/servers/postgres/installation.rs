//! The installed PostgreSQL, and a template data directory that all tests copy.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::directory_reaper::{DataMedium, drop_privileges};

/// The directory of Debian's major versions.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The version of the template's format: a template of another version is not used.
const TEMPLATE: u32 = 2;
/// The default collation is not byte order, as on most servers in use: a query that relies on byte
/// order must state it.
const INITDB: [&str; 9] = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=icu",
    "--icu-locale=en",
    "--wal-segsize=1",
    "--no-instructions",
    "--no-sync",
];
/// A line is a statement. The user has only the rights of an owner. The cost of a copy depends on
/// the number of files, about 300 for each database: unused databases are dropped.
const SETUP: &str = "\
CREATE ROLE eklavya LOGIN
CREATE DATABASE eklavya OWNER eklavya
UPDATE pg_database SET datistemplate = false WHERE datname = 'template0'
DROP DATABASE template0
DROP DATABASE postgres
";

/// The binaries of one version.
#[derive(Debug)]
pub struct PostgresInstallation {
    binaries: PathBuf,
    version: String,
    /// The client.
    pub psql: PathBuf,
}

impl PostgresInstallation {
    /// Returns the binaries that `EKLAVYA_TEST_POSTGRES` names, or else Debian's newest.
    ///
    /// # Panics
    /// If no PostgreSQL is installed: the test fails, it is never skipped.
    pub fn find() -> Self {
        let newest = newest();
        let binaries = named().or_else(|| newest.clone()).expect(
            "this test needs PostgreSQL: scripts/test installs it (Debian's package postgresql); \
             or name its directory bin in EKLAVYA_TEST_POSTGRES",
        );
        let own = binaries.join("psql");
        let debian = newest.map(|binaries| binaries.join("psql"));
        let psql = Some(own).filter(|file| file.is_file()).or(debian);
        Self {
            version: version(&binaries),
            psql: psql.expect("this test needs psql: scripts/test installs Debian's postgresql"),
            binaries,
        }
    }

    /// Returns the major version.
    pub fn major(&self) -> u32 {
        let major = self.version.split('.').next().unwrap();
        major.parse().unwrap()
    }

    /// Returns the command of a server on a data directory. The caller adds the port, sockets and
    /// settings.
    pub fn server(&self, data: &Path) -> Command {
        let mut server = program(self.binaries.join("postgres"));
        drop_privileges(&mut server);
        server.arg("-D").arg(data);
        for setting in [
            "listen_addresses=127.0.0.1",
            "shared_buffers=32MB",
            // In the data directory, because a killed server leaves it behind.
            "dynamic_shared_memory_type=mmap",
            // The default, despite the small segments.
            "max_wal_size=1GB",
            "log_line_prefix=%m [%p] ",
        ] {
            server.args(["-c", setting]);
        }
        // A signal to the process group of the tests must not end the server first.
        server.process_group(0);
        server
    }

    /// Copies a data directory with the role and the database `eklavya` to `target`, which must
    /// not exist.
    pub fn copy_template(&self, target: &Path) {
        let template = self.template();
        copy(&template, target);
    }

    /// Returns the template, which is created once for all processes.
    fn template(&self) -> PathBuf {
        let cache = cache();
        fs::create_dir_all(&cache).unwrap();
        let user = nix::unistd::geteuid();
        let name = format!("postgres-{}-{TEMPLATE}-{user}", self.version);
        let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let template = cache.join(&name);
        if !template.is_dir() {
            self.make_template(&template);
        }
        template
    }

    /// Creates the template in a temporary directory and copies it to the cache, which the server's
    /// user may be unable to reach.
    fn make_template(&self, template: &Path) {
        let parent = super::directory_reaper::create_directory(DataMedium::Disk);
        let data = parent.path().join("data");
        let mut initdb = program(self.binaries.join("initdb"));
        drop_privileges(&mut initdb);
        run(initdb.arg("-D").arg(&data).args(INITDB), "");
        let mut single = program(self.binaries.join("postgres"));
        drop_privileges(&mut single);
        run(
            single.args(["--single", "-D"]).arg(&data).arg("template1"),
            SETUP,
        );
        let partial = template.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).unwrap();
        }
        copy(&data, &partial);
        fs::rename(&partial, template).unwrap();
    }
}

/// Returns a command that does not inherit the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a fixture starts servers without the product"
)]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.env_clear().envs([
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LC_ALL", "C"),
        ("HOME", "/nonexistent"),
    ]);
    // The server's user may be unable to enter the test's working directory.
    command.current_dir("/");
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment of the tests names the binaries"
)]
fn named() -> Option<PathBuf> {
    let named = std::env::var_os("EKLAVYA_TEST_POSTGRES").map(PathBuf::from);
    named.filter(|path| !path.as_os_str().is_empty())
}

fn newest() -> Option<PathBuf> {
    let entries = fs::read_dir(DEBIAN).ok()?.flatten();
    let versions = entries.filter_map(|entry| {
        let major: u32 = entry.file_name().to_str()?.parse().ok()?;
        let binaries = entry.path().join("bin");
        binaries
            .join("initdb")
            .is_file()
            .then_some((major, binaries))
    });
    versions.max().map(|(_, binaries)| binaries)
}

/// Returns e.g. `15.18`, out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(binaries: &Path) -> String {
    let mut postgres = program(binaries.join("postgres"));
    let text = run(postgres.arg("--version"), "");
    text.split(' ').nth(2).unwrap().trim().to_owned()
}

fn cache() -> PathBuf {
    let target = crate::program::target_tmpdir();
    target.unwrap_or_else(|| {
        let user = nix::unistd::geteuid();
        std::env::temp_dir().join(format!("eklavya-tests-{user}"))
    })
}

/// Copies a directory with owners and modes.
fn copy(from: &Path, to: &Path) {
    run(
        program("cp")
            .args(["-a", "--reflink=auto"])
            .arg(from)
            .arg(to),
        "",
    );
}

fn run(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // The program may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

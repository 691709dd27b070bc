//! The PostgreSQL that is installed, and a data directory made by it once for all tests.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::directory_reaper::{DataMedium, drop_privileges};

/// Where Debian puts each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Counts the ways in which templates were made: an old one is not taken up.
const TEMPLATE: u32 = 2;
/// The default collation is not that of bytes, as on most servers in use: what relies on the order
/// of bytes must say so.
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
/// A line is a statement. The user has no rights but those of an owner. A copy costs by its files,
/// of which each database has some three hundred: those go that nobody needs.
const SETUP: &str = "\
CREATE ROLE eklavya LOGIN
CREATE DATABASE eklavya OWNER eklavya
UPDATE pg_database SET datistemplate = false WHERE datname = 'template0'
DROP DATABASE template0
DROP DATABASE postgres
";

/// Binaries of one version.
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
    /// There is none: such a test fails, it is never left out.
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

    /// Returns the server on a data directory; port, sockets and settings are the caller's.
    pub fn server(&self, data: &Path) -> Command {
        let mut server = program(self.binaries.join("postgres"));
        drop_privileges(&mut server);
        server.arg("-D").arg(data);
        for setting in [
            "listen_addresses=127.0.0.1",
            "shared_buffers=32MB",
            // In the data directory, with which it goes: a killed server leaves it behind.
            "dynamic_shared_memory_type=mmap",
            // As by default, in spite of the small segments.
            "max_wal_size=1GB",
            "log_line_prefix=%m [%p] ",
        ] {
            server.args(["-c", setting]);
        }
        // What ends the tests by their process group must not end the server before them.
        server.process_group(0);
        server
    }

    /// Copies a data directory with the role and the database `eklavya` to `target`, which is not
    /// there yet.
    pub fn copy_template(&self, target: &Path) {
        let template = self.template();
        copy(&template, target);
    }

    /// Returns the template; it is made once for all processes.
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

    /// The server's user may be unable to reach the cache: it is made elsewhere and brought there.
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

/// Returns a command with an environment that says nothing of the test's.
#[expect(
    clippy::disallowed_methods,
    reason = "the fixture of many binaries knows nothing of the product"
)]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.env_clear().envs([
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LC_ALL", "C"),
        ("HOME", "/nonexistent"),
    ]);
    // A server's user may not even look at where the test runs.
    command.current_dir("/");
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where it is"
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

/// Copies with owners and modes.
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
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

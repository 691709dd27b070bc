//! A mount namespace for a test: disks that are small, read-only or lack a program. No other
//! process on the machine sees them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use eklavya_testkit::install::command;
use nix::unistd::geteuid;

/// A shell in a mount namespace of its own; everything there ends with it.
pub struct MountNamespace {
    shell: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl MountNamespace {
    /// Opens a namespace. An ordinary user gets a user namespace around it.
    pub fn open() -> Self {
        let own: &[&str] = if geteuid().is_root() {
            &["--mount"]
        } else {
            &["--user", "--map-current-user", "--keep-caps", "--mount"]
        };
        let mut shell = command("unshare")
            .args(own)
            .arg("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = shell.stdin.take().unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        Self {
            shell,
            commands,
            answers,
        }
    }

    /// Runs a line in the namespace; its stdout is dropped.
    #[track_caller]
    pub fn run(&mut self, line: &str) {
        writeln!(self.commands, "{{ {line}\n}} > /dev/null\necho $?").unwrap();
        let mut code = String::new();
        self.answers.read_line(&mut code).unwrap();
        assert_eq!(code.trim(), "0", "{line}");
    }

    /// Returns what is put before a command that is to run in the namespace.
    pub fn wrapper(&self, directory: &str) -> Vec<String> {
        let user: &[&str] = if geteuid().is_root() {
            &[]
        } else {
            &["--user", "--preserve-credentials"]
        };
        let words = [
            "nsenter",
            "--mount",
            &format!("--target={}", self.shell.id()),
        ];
        let rest = [format!("--wd={directory}"), "--".to_owned()];
        let words = words.into_iter().chain(user.iter().copied());
        words.map(str::to_owned).chain(rest).collect()
    }
}

impl Drop for MountNamespace {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

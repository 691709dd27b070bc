//! The targets of the attempts on the host, outside the sandbox.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::thread;

use eklavya_core::process;
use eklavya_sandbox::chown_socket;
use nix::libc;
use tokio::process::Child;

use super::attempts::EscapeAttempt;
use crate::fixtures::sandbox_project::SandboxProject;

/// The numbers of the system calls that the attempts make.
const CALLS: &[(&str, i64)] = &[
    ("add_key", libc::SYS_add_key),
    ("bpf", libc::SYS_bpf),
    ("clock_settime", libc::SYS_clock_settime),
    ("clone", libc::SYS_clone),
    ("clone3", libc::SYS_clone3),
    ("fsopen", libc::SYS_fsopen),
    ("init_module", libc::SYS_init_module),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("ioctl", libc::SYS_ioctl),
    ("keyctl", libc::SYS_keyctl),
    ("mknodat", libc::SYS_mknodat),
    ("mount", libc::SYS_mount),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("open_tree", libc::SYS_open_tree),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pivot_root", libc::SYS_pivot_root),
    ("prlimit64", libc::SYS_prlimit64),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("ptrace", libc::SYS_ptrace),
    ("reboot", libc::SYS_reboot),
    ("request_key", libc::SYS_request_key),
    ("sendto", libc::SYS_sendto),
    ("setns", libc::SYS_setns),
    ("sethostname", libc::SYS_sethostname),
    ("socket", libc::SYS_socket),
    ("syslog", libc::SYS_syslog),
    ("umount2", libc::SYS_umount2),
    ("unshare", libc::SYS_unshare),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("x32_getpid", 0x4000_0000 + libc::SYS_getpid),
];

/// Servers, files and processes of the host. Each server answers a connection with "hello".
pub struct HostTargets {
    parameters: Vec<(&'static str, String)>,
    /// A process that is killed when it is dropped.
    _victim: Child,
    shared_memory: String,
}

impl HostTargets {
    pub async fn new(project: &SandboxProject) -> Self {
        let (dirs, parent) = (&project.dirs, project.dir.path());
        let secret = write_foreign_file(&parent.join("other"));
        let victim = process::new_command("sleep")
            .arg("600")
            .env("X", "canary")
            .spawn()
            .unwrap();
        let abstract_name = format!("eklavya-test-{}", std::process::id());
        let name = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        serve_greeting(UnixListener::bind_addr(&name).unwrap());
        let door = dirs.door.join("gateway.sock");
        for socket in [
            &parent.join("host.sock"),
            &parent.join("other/gateway.sock"),
            &door,
        ] {
            serve_greeting(UnixListener::bind(socket).unwrap());
            fs::set_permissions(socket, fs::Permissions::from_mode(0o777)).unwrap();
        }
        chown_socket(&door, project.user).unwrap();
        let shared_memory =
            run_perl("my $id = shmget(0, 16, 0666); shmwrite($id, 'hello', 0, 5); print $id").await;
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let parameters = vec![
            ("workspace", text(&dirs.clone)),
            ("home", text(&dirs.home)),
            ("tmp", text(&dirs.tmp)),
            ("door", text(&dirs.door)),
            ("secret", secret),
            ("socket", text(&parent.join("host.sock"))),
            ("other_door", text(&parent.join("other/gateway.sock"))),
            ("abstract", abstract_name),
            ("port", serve_tcp().to_string()),
            ("udp", serve_udp().to_string()),
            ("address", address()),
            ("victim", victim.id().unwrap().to_string()),
            ("shm", shared_memory.clone()),
            ("loader", crate::roles::loader_path().to_owned()),
            (
                "perl",
                text(&Path::new("/usr/bin/perl").canonicalize().unwrap()),
            ),
        ];
        Self {
            parameters,
            _victim: victim,
            shared_memory,
        }
    }

    /// Returns the script that makes the attempts.
    pub fn script(&self, attempts: &[&EscapeAttempt]) -> String {
        let mut head = String::from("our %S = (");
        for (name, number) in CALLS {
            write!(head, "{name} => {number}, ").unwrap();
        }
        head.push_str("); our %P = (");
        for (name, value) in &self.parameters {
            write!(head, "{name} => '{value}', ").unwrap();
        }
        head.push_str(");\n");
        let mut list = String::from("our @attempts = (\n");
        for attempt in attempts {
            writeln!(list, "[\"{}\", sub {{ {} }}],", attempt.name, attempt.code).unwrap();
        }
        list.push_str(");\n");
        head + &include_str!("script.pl").replace("# ATTEMPTS\n", &list)
    }
}

impl Drop for HostTargets {
    fn drop(&mut self) {
        let mut remove = process::new_command("/usr/bin/ipcrm").into_std();
        let _ = remove.args(["-m", &self.shared_memory]).status();
    }
}

/// Creates a file that all users may read, and returns its path.
fn write_foreign_file(directory: &Path) -> String {
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    let secret = directory.join("secret");
    fs::write(&secret, "secret").unwrap();
    secret.to_str().unwrap().to_owned()
}

fn serve_greeting(listener: UnixListener) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"hello");
        }
    });
}

fn serve_tcp() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"hello");
        }
    });
    port
}

fn serve_udp() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut packet = [0; 8];
        while let Ok((_, sender)) = socket.recv_from(&mut packet) {
            let _ = socket.send_to(b"hello", sender);
        }
    });
    port
}

/// Returns an address of the host other than 127.0.0.1, if it has one.
fn address() -> String {
    // No packet is sent: the kernel only chooses the source address.
    let outward = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    outward.map_or_else(
        |_| "127.0.0.2".to_owned(),
        |address| address.ip().to_string(),
    )
}

async fn run_perl(line: &str) -> String {
    let mut command = process::new_command("/usr/bin/perl");
    let output = command.args(["-e", line]).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

//! The attempts: the code, the guard that must stop it, and the proof that it works without the
//! guard.
#![expect(
    clippy::needless_raw_string_hashes,
    reason = "one way of quoting for the whole table"
)]

use eklavya_sandbox::ProtectionLayer;
use eklavya_sandbox::ProtectionLayer::{Landlock, Limits, Mounts, Seccomp, UserNamespaces};

/// The sandbox in which an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttackOrigin {
    /// A role with a shell that may write everywhere in its clone.
    Developer,
    /// A role without a shell that may write below `docs`.
    Architect,
    /// A browser, which may write only in its home and its temporary directories.
    Browser,
}

/// How to show that an attempt works without its guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttackProof {
    /// In the same sandbox without all of these guards. Each guard alone is enough to stop the
    /// attempt.
    Without(&'static [ProtectionLayer]),
    /// As `Without`, if the kernel of the machine has the feature and allows all users to use it.
    WhereKnown(&'static [ProtectionLayer]),
    /// Without a sandbox.
    Unsandboxed,
    /// Without a sandbox, as root: other users are not allowed to do it.
    UnsandboxedAsRoot,
    /// The proof is omitted for this reason.
    NotShown(&'static str),
}

impl AttackProof {
    /// Returns the guards that are left out.
    pub fn guards(self) -> &'static [ProtectionLayer] {
        match self {
            AttackProof::Without(guards) | AttackProof::WhereKnown(guards) => guards,
            AttackProof::Unsandboxed
            | AttackProof::UnsandboxedAsRoot
            | AttackProof::NotShown(_) => &[],
        }
    }
}

/// An attempt of an agent to escape from its sandbox.
#[derive(Debug, Clone)]
pub struct EscapeAttempt {
    pub name: &'static str,
    pub origin: AttackOrigin,
    /// The guard in the table of results.
    pub guard: &'static str,
    pub proof: AttackProof,
    /// Perl code that is true if the attempt worked. See `script.pl`.
    pub code: &'static str,
}

pub const fn attempt(
    origin: AttackOrigin,
    name: &'static str,
    guard: &'static str,
    shown: AttackProof,
    code: &'static str,
) -> EscapeAttempt {
    EscapeAttempt {
        name,
        origin,
        guard,
        proof: shown,
        code,
    }
}

const BOTH_LAYERS: AttackProof = AttackProof::Without(&[Mounts, Landlock]);

const fn file(name: &'static str, code: &'static str) -> EscapeAttempt {
    let guard = "mounts, Landlock";
    attempt(AttackOrigin::Architect, name, guard, BOTH_LAYERS, code)
}

const fn mount(origin: AttackOrigin, name: &'static str, code: &'static str) -> EscapeAttempt {
    attempt(
        origin,
        name,
        "mounts",
        AttackProof::Without(&[Mounts]),
        code,
    )
}

const fn call(name: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::Without(&[Seccomp]);
    attempt(AttackOrigin::Developer, name, "seccomp", shown, code)
}

const fn namespace(name: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::Without(&[Seccomp, UserNamespaces]);
    let guard = "seccomp, no user namespaces";
    attempt(AttackOrigin::Developer, name, guard, shown, code)
}

const fn known(name: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::WhereKnown(&[Seccomp]);
    attempt(AttackOrigin::Developer, name, "seccomp", shown, code)
}

const fn mounting(name: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::Without(&[Seccomp, UserNamespaces, Landlock]);
    let guard = "seccomp, no user namespaces, Landlock";
    attempt(AttackOrigin::Developer, name, guard, shown, code)
}

const fn outside(name: &'static str, guard: &'static str, code: &'static str) -> EscapeAttempt {
    attempt(
        AttackOrigin::Developer,
        name,
        guard,
        AttackProof::Unsandboxed,
        code,
    )
}

const fn privileged(name: &'static str, guard: &'static str, code: &'static str) -> EscapeAttempt {
    attempt(
        AttackOrigin::Developer,
        name,
        guard,
        AttackProof::UnsandboxedAsRoot,
        code,
    )
}

const fn limit(name: &'static str, guard: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::Without(&[Limits]);
    attempt(AttackOrigin::Developer, name, guard, shown, code)
}

const fn landlock(origin: AttackOrigin, name: &'static str, code: &'static str) -> EscapeAttempt {
    attempt(
        origin,
        name,
        "Landlock",
        AttackProof::Without(&[Landlock]),
        code,
    )
}

const fn machine(name: &'static str, code: &'static str) -> EscapeAttempt {
    let shown = AttackProof::NotShown("it would change the machine");
    attempt(
        AttackOrigin::Developer,
        name,
        "no capabilities, seccomp",
        shown,
        code,
    )
}

/// The attempts of agents.
#[rustfmt::skip]
pub const ATTEMPTS: &[EscapeAttempt] = &[
    // Files of the clone that the role may not write.
    file("write a file outside of docs", r#"spew("$W/src/f0")"#),
    file("make a file beside docs", r#"spew("$W/new")"#),
    file("make a directory", r#"mkdir "$W/src/made""#),
    file("remove a file", r#"unlink "$W/src/f1""#),
    file("remove a directory", r#"rmdir "$W/empty""#),
    file("empty a file", r#"truncate("$W/src/f2", 0)"#),
    file("rename a file", r#"rename("$W/src/f3", "$W/src/renamed")"#),
    file("move a file into docs", r#"rename("$W/src/f4", "$W/docs/f4")"#),
    file("move a file out of docs", r#"spew("$W/docs/own") && rename("$W/docs/own", "$W/src/own")"#),
    file("write through a link in docs", r#"symlink("../src/f5", "$W/docs/l5"); spew("$W/docs/l5")"#),
    file("write through a linked directory", r#"symlink("../src", "$W/docs/l6"); spew("$W/docs/l6/f6")"#),
    file("write through a hard link", r#"link("$W/src/f7", "$W/docs/h7") && spew("$W/docs/h7")"#),
    file("write by way of /proc/self/root", r#"spew("/proc/self/root$W/src/f8")"#),
    file("write by way of /proc/self/cwd", r#"spew("/proc/self/cwd/src/f9")"#),
    file("write below docs/..", r#"spew("$W/docs/../src/f0")"#),
    file("make a link beside docs", r#"symlink("/etc", "$W/src/link")"#),
    file("make a named pipe beside docs", r#"sys('mknodat', -100, "$W/src/pipe", 0010644, 0)"#),
    file("move docs aside", r#"rename("$W/docs", "$W/d") && rename("$W/d", "$W/docs")"#),
    mount(AttackOrigin::Architect, "change the mode of a file", r#"chmod 0777, "$W/src/f0""#),
    mount(AttackOrigin::Architect, "change the time of a file", r#"utime 1, 1, "$W/src/f0""#),
    // The history.
    file("write the settings of git", r#"spew("$W/.git/config")"#),
    file("add a hook of git", r#"spew("$W/.git/hooks/post-commit")"#),
    file("point git to other settings", r#"spew("$W/.git/commondir")"#),
    file("move a branch", r#"spew("$W/.git/refs/heads/other")"#),
    file("move .git aside", r#"rename("$W/.git", "$W/g") && rename("$W/g", "$W/.git")"#),
    mount(AttackOrigin::Developer, "write the settings of git as a developer", r#"spew("$W/.git/config")"#),
    mount(AttackOrigin::Developer, "replace the settings of git", r#"spew("$W/c") && rename("$W/c", "$W/.git/config")"#),
    mount(AttackOrigin::Developer, "add a hook of git as a developer", r#"spew("$W/.git/hooks/post-commit")"#),
    mount(AttackOrigin::Developer, "move the hooks aside", r#"rename("$W/.git/hooks", "$W/.git/h") && rename("$W/.git/h", "$W/.git/hooks")"#),
    mount(AttackOrigin::Developer, "move .git aside as a developer", r#"rename("$W/.git", "$W/g") && rename("$W/g", "$W/.git")"#),
    // Programs of a role without a terminal.
    outside_role("run a shell without a terminal", r#"system { "/bin/sh" } "sh", "-c", ":"; $? == 0"#),
    outside_role("let the loader run a shell", r#"system($P{loader}, "/usr/bin/bash", "-c", "exit 7"); $? >> 8 == 7"#),
    landlock(AttackOrigin::Architect, "run a program that it wrote", r##"my $x = "$W/docs/x"; open(my $f, '>', $x); print $f "#!$P{perl}\nexit 7"; close $f; chmod 0755, $x; system { $x } $x; $? >> 8 == 7"##),
    landlock(AttackOrigin::Architect, "listen on a port", r#"socket(my $s, 2, 1, 0); bind($s, inet("127.0.0.1", 0)) && listen($s, 1)"#),
    landlock(AttackOrigin::Architect, "connect to another port than the door", r#"socket(my $s, 2, 1, 0); connect($s, inet("127.0.0.1", 9)); $! == 111"#),
    attempt(AttackOrigin::Architect, "make a unix socket without a terminal", "seccomp", AttackProof::Without(&[Seccomp]), r#"socket(my $s, 1, 1, 0)"#),
    attempt(AttackOrigin::Architect, "make a socket of UDP without a terminal", "seccomp", AttackProof::Without(&[Seccomp]), r#"socket(my $s, 2, 2, 0)"#),
    // The rest of the machine's files.
    outside("read a file of another project", "mount namespace", r#"slurp($P{secret}) eq "secret""#),
    outside("see the workspaces of others", "mount namespace", r#"-e $P{secret}"#),
    outside("look into /sys", "mount namespace", r#"-d "/sys/kernel""#),
    outside("look into /run", "mount namespace", r#"-d "/run""#),
    privileged("read /etc/shadow", "mount namespace, another user", r#"open(my $f, '<', "/etc/shadow")"#),
    privileged("look into /root", "mount namespace, another user", r#"opendir(my $d, "/root")"#),
    privileged("open core_pattern for writing", "another user, mounts, Landlock", r#"open(my $f, '+<', "/proc/sys/kernel/core_pattern")"#),
    privileged("open a setting of the memory for writing", "another user, mounts, Landlock", r#"open(my $f, '+<', "/proc/sys/vm/overcommit_memory")"#),
    privileged("make a device", "no capabilities, Landlock", r#"sys('mknodat', -100, "$H/device", 0060644, 0x0700) && unlink "$H/device""#),
    attempt(AttackOrigin::Developer, "write to the root directory", "mounts, Landlock", BOTH_LAYERS, r#"spew("/new")"#),
    attempt(AttackOrigin::Developer, "write to /dev", "mounts, Landlock", BOTH_LAYERS, r#"spew("/dev/new")"#),
    attempt(AttackOrigin::Developer, "write to /etc", "mounts, Landlock", BOTH_LAYERS, r#"spew("/etc/new")"#),
    attempt(AttackOrigin::Developer, "put something into its door", "mounts, Landlock", BOTH_LAYERS, r#"spew("$P{door}/new")"#),
    attempt(AttackOrigin::Developer, "take the socket out of its door", "mounts, Landlock", BOTH_LAYERS, r#"rename("$P{door}/gateway.sock", "$P{door}/g")"#),
    attempt(AttackOrigin::Developer, "write the program eklavya", "mounts, Landlock", AttackProof::NotShown("it would change the program under test"), r#"open(my $f, '+<', "/opt/eklavya/eklavya")"#),
    attempt(AttackOrigin::Developer, "write to /usr/bin", "mounts, Landlock", AttackProof::NotShown("it would change the machine"), r#"spew("/usr/bin/new")"#),
    // Memory, disk and processes.
    limit("fill /tmp", "sized tmpfs", r#"fill("/tmp/x", 24 << 20)"#),
    limit("fill /dev/shm", "sized tmpfs", r#"fill("/dev/shm/x", 24 << 20)"#),
    limit("fill TMPDIR", "sized tmpfs", r#"fill("$P{tmp}/x", 24 << 20)"#),
    limit("make a file of more than 4 GiB", "RLIMIT_FSIZE", r#"open(my $f, '>', "$H/big"); sysseek($f, 5 << 30, 0); my $done = syswrite($f, "x"); unlink "$H/big"; $done"#),
    limit("raise the limit of processes", "RLIMIT_NPROC", r#"sys('prlimit64', 0, 6, pack('QQ', 5000, 5000), 0)"#),
    attempt(AttackOrigin::Developer, "allow dumps of memory", "RLIMIT_CORE", AttackProof::NotShown("dumps are forbidden without a sandbox too"), r#"sys('prlimit64', 0, 4, pack('QQ', 4096, 4096), 0)"#),
    privileged("go before all other processes", "no capabilities", r#"setpriority(0, 0, -20)"#),
    // Other processes.
    outside("read the environment of a process of the host", "pid namespace", r#"slurp("/proc/$P{victim}/environ") =~ /canary/"#),
    outside("read the arguments of a process of the host", "pid namespace", r#"slurp("/proc/$P{victim}/cmdline") =~ /sleep/"#),
    outside("signal a process of the host", "pid namespace", r#"kill 0, $P{victim}"#),
    attempt(AttackOrigin::Developer, "trace the first process", "seccomp, Landlock", AttackProof::Without(&[Seccomp, Landlock]), r#"sys('ptrace', 0x4206, 1, 0, 0)"#),
    attempt(AttackOrigin::Developer, "read the memory of the first process", "seccomp, Landlock", AttackProof::Without(&[Seccomp, Landlock]), r#"my $maps = slurp("/proc/1/maps"); my ($at) = $maps =~ /^([0-9a-f]+)/; my $buffer = "\0" x 8; my $mine = pack('PQ', $buffer, 8); my $theirs = pack('QQ', hex $at, 8); sys('process_vm_readv', 1, $mine, 1, $theirs, 1, 0)"#),
    attempt(AttackOrigin::Developer, "take a descriptor of the first process", "seccomp, Landlock", AttackProof::Without(&[Seccomp, Landlock]), r#"my $pid = raw('pidfd_open', 1, 0); descriptor($pid) && grep { sys('pidfd_getfd', $pid, $_, 0) } 0 .. 9"#),
    landlock(AttackOrigin::Developer, "write the memory of the first process", r#"open(my $f, '+<', "/proc/1/mem")"#),
    landlock(AttackOrigin::Developer, "read the environment of the first process", r#"open(my $f, '<', "/proc/1/environ")"#),
    landlock(AttackOrigin::Developer, "enter the root of the first process", r#"-e "/proc/1/root/usr""#),
    landlock(AttackOrigin::Developer, "signal the keeper of the door", r#"kill 0, 2"#),
    attempt(AttackOrigin::Developer, "write the memory of the keeper of the door", "closed memory, Landlock", AttackProof::NotShown("its memory is closed without Landlock too"), r#"open(my $f, '+<', "/proc/2/mem")"#),
    attempt(AttackOrigin::Developer, "read the environment of the keeper of the door", "closed memory, Landlock", AttackProof::NotShown("its memory is closed without Landlock too"), r#"open(my $f, '<', "/proc/2/environ")"#),
    attempt(AttackOrigin::Developer, "look at the descriptors of the keeper of the door", "closed memory, Landlock", AttackProof::NotShown("its memory is closed without Landlock too"), r#"opendir(my $d, "/proc/2/fd") && grep { /\d/ } readdir $d"#),
    // New privileges.
    namespace("make a user namespace", r#"sys('unshare', 0x10000000)"#),
    namespace("make a user namespace with clone", r#"my $pid = raw('clone', 0x10000000 | 17, 0, 0, 0, 0); leave(0) if $pid == 0; $pid > 0"#),
    namespace("make a user namespace with clone3", r#"my $args = pack('Q11', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0); my $pid = raw('clone3', $args, 88); leave(0) if $pid == 0; $pid > 0"#),
    mounting("mount in a namespace of its own", r#"sys('unshare', 0x10020000) && sys('mount', "none", "/tmp", "tmpfs", 0, 0)"#),
    mounting("uncover docs in a namespace of its own", r#"sys('unshare', 0x10020000) && sys('mount', "none", "/", "none", 0x44000, 0)"#),
    namespace("make a network of its own", r#"sys('unshare', 0x50000000)"#),
    outside("gain privileges by a program", "no new privileges", r#"slurp("/proc/self/status") =~ /^NoNewPrivs:\t0$/m"#),
    privileged("have a capability", "no capabilities", r#"slurp("/proc/self/status") =~ /^CapEff:\t0*[1-9a-f]/m"#),
    privileged("become root", "another user", r#"$> = 0; $> == 0"#),
    privileged("join another group", "another user", r#"$) = "0 0"; $) eq "0 0""#),
    machine("mount a file system", r#"sys('mount', "none", "/tmp", "tmpfs", 0, 0)"#),
    machine("remount the root for writing", r#"sys('mount', "none", "/", "none", 0x1020, 0)"#),
    machine("unmount docs", r#"sys('umount2', "$W/.git", 2)"#),
    machine("change the root", r#"sys('pivot_root', "/tmp", "/tmp")"#),
    machine("open a new file system", r#"sys('fsopen', "tmpfs", 0)"#),
    machine("change the root of a process", r#"chroot "/tmp""#),
    machine("enter a namespace", r#"open(my $f, '<', "/proc/self/ns/net") && sys('setns', fileno($f), 0)"#),
    machine("open a file by its number", r#"sys('open_by_handle_at', -100, pack('Ii', 8, 1) . "\0" x 8, 0)"#),
    machine("load a module", r#"sys('init_module', 0, 0, "")"#),
    machine("set the clock", r#"sys('clock_settime', 0, pack('qq', 0, 0))"#),
    machine("change the name of the host", r#"sys('sethostname', "x", 1)"#),
    machine("restart the machine", r#"sys('reboot', 0xfee1dead, 672274793, 0, 0)"#),
    privileged("read the log of the kernel", "no capabilities, seccomp", r#"sys('syslog', 10, 0, 0)"#),
    // System calls that the namespaces do not confine.
    known("open a ring of requests (io_uring)", r#"descriptor(raw('io_uring_setup', 8, "\0" x 120))"#),
    call("look for its keyring", r#"sys('keyctl', 0, -3, 1)"#),
    call("add a key", r#"sys('add_key', "user", "x", "y", 1, -2)"#),
    call("ask for a key", r#"sys('request_key', "user", "none such", 0, 0) || $! == 126"#),
    call("let itself be traced", r#"sys('ptrace', 0, 0, 0, 0)"#),
    known("handle its own page faults", r#"descriptor(raw('userfaultfd', 1))"#),
    known("take a mount as a tree", r#"descriptor(raw('open_tree', -100, "/", 0))"#),
    known("count events of the processor", r#"descriptor(raw('perf_event_open', pack('IIQ', 1, 112, 1) . "\0" x 24 . pack('Q', 0x60) . "\0" x 64, 0, -1, -1, 0))"#),
    attempt(AttackOrigin::Developer, "load a program into the kernel (bpf)", "seccomp, no capabilities", AttackProof::NotShown("most kernels refuse it as well"), r#"descriptor(raw('bpf', 0, pack('IIIII', 2, 4, 4, 1, 0), 20))"#),
    attempt(AttackOrigin::Developer, "use the numbers of x32", "seccomp", AttackProof::NotShown("most kernels do not know them"), r#"sys('x32_getpid')"#),
    call("type into the terminal", r#"open(my $f, '<', "/dev/null"); sys('ioctl', fileno($f), 0x5412, "x"); $! == 25"#),
    known("talk to the hypervisor (vsock)", r#"socket(my $s, 40, 1, 0)"#),
    known("talk to the hypervisor, with bits that the kernel ignores", r#"descriptor(raw('socket', 40 | 1 << 32, 1, 0))"#),
    known("use the kernel's ciphers (AF_ALG)", r#"socket(my $s, 38, 5, 0)"#),
    known("make a socket of MPTCP", r#"socket(my $s, 2, 1, 262)"#),
    call("listen to events of devices", r#"socket(my $s, 16, 3, 15)"#),
    call("send data before the connection (TCP Fast Open)", r#"socket(my $l, 2, 1, 0); bind($l, inet("127.0.0.1", 7001)); listen($l, 1); fast("127.0.0.1", 7001)"#),
    call("ask connect for TCP Fast Open", r#"socket(my $s, 2, 1, 0); setsockopt($s, 6, 30, 1)"#),
    privileged("make a raw socket", "no capabilities, seccomp", r#"socket(my $s, 2, 3, 1)"#),
    privileged("make a socket of packets", "no capabilities, seccomp", r#"socket(my $s, 17, 3, 0)"#),
    // The network of the host.
    outside("connect to a port of the host", "network namespace", r#"tcp("127.0.0.1", $P{port})"#),
    outside("connect to another address of the host", "network namespace", r#"tcp($P{address}, $P{port})"#),
    outside("connect to the host by MPTCP", "network namespace, seccomp", r#"tcp("127.0.0.1", $P{port}, 262)"#),
    outside("connect to the host by TCP Fast Open", "network namespace, seccomp", r#"my $s = fast("127.0.0.1", $P{port}); $s && greeted($s)"#),
    outside("exchange packets of UDP with the host", "network namespace", r#"socket(my $s, 2, 2, 0); send($s, "x", 0, inet("127.0.0.1", $P{udp})); alarm 2; recv($s, my $word, 5, 0); $word eq "hello""#),
    outside("see the networks of the host", "network namespace", r#"my @lines = split /\n/, slurp("/proc/net/dev"); @lines > 3"#),
    outside("connect to a unix socket of the host", "mount namespace", r#"local_socket($P{socket})"#),
    outside("connect to an abstract socket of the host", "network namespace", r#"local_socket("\0$P{abstract}")"#),
    outside("connect to the door of another agent", "mount namespace", r#"local_socket($P{other_door})"#),
    outside("use shared memory of the host", "ipc namespace", r#"my $word = ""; shmread($P{shm}, $word, 0, 5); $word eq "hello""#),
];

const fn outside_role(name: &'static str, code: &'static str) -> EscapeAttempt {
    attempt(
        AttackOrigin::Architect,
        name,
        "no shell is mounted",
        AttackProof::Unsandboxed,
        code,
    )
}

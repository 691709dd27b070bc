//! The seccomp filter: refuses the system calls that no program inside needs, or that bypass the
//! other layers.
//!
//! It is a deny list. With an allow list, each new version of a C library could break the compilers,
//! test runners and browsers that developers run. The refused calls reach the rest of the machine,
//! are not confined by namespaces, or have been the most frequent source of kernel vulnerabilities.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

type SeccompRules = BTreeMap<i64, Vec<SeccompRule>>;

/// The sockets that a program may create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowedSockets {
    /// TCP only. The CLI of a role without a shell connects to its door and to nothing else.
    Tcp,
    /// TCP, UDP and unix sockets, for the project's own programs: test servers and databases listen
    /// on them, and multiprocessing uses them. None of them leads out of the sandbox: the network
    /// namespace and the names of abstract sockets are its own, and the only mounted socket is the
    /// agent's door.
    Local,
}

/// The calls that are refused with any arguments.
const REFUSED: &[i64] = &[
    // A filter does not see the requests in a ring.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes: their memory, their open files.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Keyrings belong to the user and not to the namespace.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Programs and handlers that run in the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Opens files by inode, past the checks of a path.
    libc::SYS_open_by_handle_at,
    // The machine.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// Every kind of namespace that `unshare` and `clone` create.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];
/// For `unshare` only: in the flags of `clone` this bit is part of a signal number.
const CLONE_NEWTIME: i32 = 0x80;

/// Sends data with the first packet of a connection, so that no `connect` is seen.
const MSG_FASTOPEN: u64 = 0x2000_0000;
const TCP_FASTOPEN_CONNECT: i32 = 30;
/// Requests to a terminal. C libraries disagree on the type of these numbers.
const TIOCSTI: i32 = 0x5412;
const TIOCLINUX: i32 = 0x541c;
/// The bits of a socket type that are not flags (linux/net.h).
const TYPE_MASK: u64 = 0xf;
const SOCK_DCCP: i32 = 6;
const SOCK_PACKET: i32 = 10;

/// Returns the BPF programs in the order in which they must be installed.
///
/// # Errors
/// seccompiler does not support the processor of this machine.
fn build_filters(sockets: AllowedSockets) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let refused = SeccompFilter::new(
        deny_rules(sockets)?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(vec![enosys_filter(), refused.try_into()?])
}

/// Installs the filters for the calling thread and what it starts.
pub(crate) fn install_filters(sockets: AllowedSockets) -> Result<(), seccompiler::Error> {
    build_filters(sockets)?
        .iter()
        .try_for_each(|program| seccompiler::apply_filter(program))
}

fn deny_rules(sockets: AllowedSockets) -> Result<SeccompRules, seccompiler::Error> {
    let mut rules: SeccompRules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, socket_rules(sockets)?);
    // The kernel supports pairs of this family only; the rule covers families that it may add.
    let other = rule([ne(0, libc::AF_UNIX)?])?;
    rules.insert(libc::SYS_socketpair, vec![other]);
    for (call, flags) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        rules.insert(call, vec![rule([any_bit(flags, MSG_FASTOPEN)?])?]);
    }
    let fast = rule([eq(1, libc::IPPROTO_TCP)?, eq(2, TCP_FASTOPEN_CONNECT)?])?;
    rules.insert(libc::SYS_setsockopt, vec![fast]);
    // Both insert input into the terminal as if the user had typed it.
    let typed = [TIOCSTI, TIOCLINUX].map(|request| rule([eq(1, request)?]));
    let typed: Result<_, _> = typed.into_iter().collect();
    rules.insert(libc::SYS_ioctl, typed?);
    rules.insert(libc::SYS_clone, any_of(NAMESPACES)?);
    let of_unshare = NAMESPACES.into_iter().chain([CLONE_NEWTIME]);
    rules.insert(libc::SYS_unshare, any_of(of_unshare)?);
    Ok(rules)
}

/// Allows TCP sockets, routing-table sockets (programs query their own addresses there) and, with
/// [`AllowedSockets::Local`], UDP and unix sockets. Every other kind is refused: vsock reaches the
/// hypervisor, MPTCP bypasses Landlock, and the others only expose more kernel code.
fn socket_rules(sockets: AllowedSockets) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    const INTERNET: [i32; 2] = [libc::AF_INET, libc::AF_INET6];
    let mut families = vec![libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let mut types = vec![
        libc::SOCK_RAW,
        libc::SOCK_RDM,
        libc::SOCK_SEQPACKET,
        SOCK_DCCP,
        SOCK_PACKET,
    ];
    let mut protocols = vec![0, libc::IPPROTO_TCP];
    match sockets {
        AllowedSockets::Tcp => types.push(libc::SOCK_DGRAM),
        AllowedSockets::Local => {
            families.push(libc::AF_UNIX);
            protocols.push(libc::IPPROTO_UDP);
        }
    }
    let mut rules = vec![none_of(Vec::new(), 0, &families)?];
    for family in INTERNET {
        for kind in &types {
            rules.push(rule([eq(0, family)?, masked_eq(1, TYPE_MASK, *kind)?])?);
        }
        rules.push(none_of(vec![eq(0, family)?], 2, &protocols)?);
    }
    let routes = [libc::NETLINK_ROUTE];
    rules.push(none_of(vec![eq(0, libc::AF_NETLINK)?], 2, &routes)?);
    Ok(rules)
}

fn rule<const N: usize>(
    conditions: [SeccompCondition; N],
) -> Result<SeccompRule, seccompiler::Error> {
    Ok(SeccompRule::new(conditions.into())?)
}

/// Returns the rule that matches if `conditions` match and argument `index` is none of `values`.
fn none_of(
    mut conditions: Vec<SeccompCondition>,
    index: u8,
    values: &[i32],
) -> Result<SeccompRule, seccompiler::Error> {
    for value in values {
        conditions.push(ne(index, *value)?);
    }
    Ok(SeccompRule::new(conditions)?)
}

/// Returns rules that match if any of `flags` is set in the first argument.
fn any_of(flags: impl IntoIterator<Item = i32>) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    flags
        .into_iter()
        .map(|flag| rule([any_bit(0, flag.cast_unsigned().into())?]))
        .collect()
}

fn eq(index: u8, value: i32) -> Result<SeccompCondition, seccompiler::Error> {
    condition(index, SeccompCmpOp::Eq, value.cast_unsigned().into())
}

fn ne(index: u8, value: i32) -> Result<SeccompCondition, seccompiler::Error> {
    condition(index, SeccompCmpOp::Ne, value.cast_unsigned().into())
}

fn any_bit(index: u8, bits: u64) -> Result<SeccompCondition, seccompiler::Error> {
    condition(index, SeccompCmpOp::MaskedEq(bits), bits)
}

fn masked_eq(index: u8, mask: u64, value: i32) -> Result<SeccompCondition, seccompiler::Error> {
    let value = value.cast_unsigned().into();
    condition(index, SeccompCmpOp::MaskedEq(mask), value)
}

/// Compares the lower half of the register: the kernel ignores the upper half of an `int` argument,
/// so its value must not change the result.
fn condition(
    index: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::Error> {
    let size = SeccompCmpArgLen::Dword;
    Ok(SeccompCondition::new(index, size, operator, value)?)
}

/// Returns the filter that answers two kinds of calls with `ENOSYS`, so that the C library falls back
/// to other calls: `clone3`, whose flags are in memory, where a filter cannot read them, and the x32
/// calls, which are the same calls with other numbers.
fn enosys_filter() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32: u32 = 0x4000_0000;
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    let unknown = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let step = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_AT_LEAST, X32, 1, 0),
        step(JUMP_IF_EQUAL, clone3, 0, 1),
        step(RETURN, unknown, 0, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::io::{Error, ErrorKind};
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixStream};

    /// Calls `look` in a thread of its own, because the filters restrict the thread that installs them.
    fn behind<T: Send + 'static>(sockets: AllowedSockets, look: fn() -> T) -> T {
        let thread = std::thread::spawn(move || {
            install_filters(sockets).unwrap();
            look()
        });
        thread.join().unwrap()
    }

    fn kinds<T>(result: Result<T, Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn tcp_sockets_are_always_allowed_and_local_sockets_only_with_a_shell() {
        let refused = Some(ErrorKind::PermissionDenied);
        for (sockets, expected) in [
            (AllowedSockets::Tcp, refused),
            (AllowedSockets::Local, None),
        ] {
            let found = behind(sockets, || {
                [
                    kinds(TcpListener::bind("127.0.0.1:0")),
                    kinds(UnixStream::pair()),
                    kinds(UdpSocket::bind("127.0.0.1:0")),
                    kinds(UnixDatagram::unbound()),
                ]
            });
            assert_eq!(found, [None, None, expected, expected]);
        }
    }

    #[test]
    fn the_filters_allow_new_threads_and_processes() {
        let ended = behind(AllowedSockets::Tcp, || {
            let thread = std::thread::spawn(|| 7).join().unwrap();
            let status = eklavya_core::process::new_command("true")
                .into_std()
                .status();
            (thread, status.unwrap().success())
        });
        assert_eq!(ended, (7, true));
    }

    #[test]
    fn the_filters_refuse_new_namespaces() {
        use nix::sched::{CloneFlags, unshare};
        for flag in [
            CloneFlags::CLONE_NEWUSER,
            CloneFlags::CLONE_NEWNET,
            CloneFlags::CLONE_NEWNS,
        ] {
            let thread = std::thread::spawn(move || {
                install_filters(AllowedSockets::Local).unwrap();
                unshare(flag)
            });
            assert_eq!(thread.join().unwrap(), Err(Errno::EPERM));
        }
    }
}

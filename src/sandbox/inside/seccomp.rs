//! The filter of system calls: what no program inside needs, and what gets past the other walls.
//!
//! The list is one of refusals. A list of what is allowed would break the compilers, test runners
//! and browsers that developers run, with every new version of a C library; the calls below are
//! those that reach the rest of the machine, that the namespaces do not confine, or in which the
//! kernel's own faults have been found most often.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

use crate::spec::AllowedSockets;

type SeccompRules = BTreeMap<i64, Vec<SeccompRule>>;

/// What is refused whatever its arguments are.
const REFUSED: &[i64] = &[
    // Rings of requests, which no filter sees.
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
    // Programs and handlers inside the kernel.
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
    // Files by number instead of by path.
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

/// Every kind of namespace that `unshare` and `clone` make.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];
/// Of `unshare` alone: for `clone` the bit is part of a signal's number.
const CLONE_NEWTIME: i32 = 0x80;

/// Sends data together with the first packet of a connection, past whoever watches `connect`.
const MSG_FASTOPEN: u64 = 0x2000_0000;
const TCP_FASTOPEN_CONNECT: i32 = 30;
/// Requests to a terminal; C libraries do not agree on their type.
const TIOCSTI: i32 = 0x5412;
const TIOCLINUX: i32 = 0x541c;
/// The bits of a socket's type that are not flags (linux/net.h).
const TYPE_MASK: u64 = 0xf;
const SOCK_DCCP: i32 = 6;
const SOCK_PACKET: i32 = 10;

/// Returns the programs to install, in this order.
///
/// # Errors
/// The machine's processor is none that they can be made for.
pub(crate) fn build_filters(
    sockets: AllowedSockets,
) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let refused = SeccompFilter::new(
        deny_rules(sockets)?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(vec![enosys_filter(), refused.try_into()?])
}

/// Installs the programs for the calling thread and what it starts.
pub(crate) fn install_filters(sockets: AllowedSockets) -> Result<(), seccompiler::Error> {
    build_filters(sockets)?
        .iter()
        .try_for_each(|program| seccompiler::apply_filter(program))
}

fn deny_rules(sockets: AllowedSockets) -> Result<SeccompRules, seccompiler::Error> {
    let mut rules: SeccompRules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, socket_rules(sockets)?);
    // The kernel makes pairs of this family only; of any other one they would be new to us.
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
    // Both put words into the mouth of whoever sits at the terminal.
    let typed = [TIOCSTI, TIOCLINUX].map(|request| rule([eq(1, request)?]));
    rules.insert(
        libc::SYS_ioctl,
        typed.into_iter().collect::<Result<_, _>>()?,
    );
    rules.insert(libc::SYS_clone, any_of(NAMESPACES)?);
    let of_unshare = NAMESPACES.into_iter().chain([CLONE_NEWTIME]);
    rules.insert(libc::SYS_unshare, any_of(of_unshare)?);
    Ok(rules)
}

/// Sockets of TCP, of the routing table (programs ask it for their own addresses) and, where
/// `sockets` says so, of UDP and of the machine itself. Every other kind is refused: vsock leads to
/// the hypervisor, MPTCP past Landlock, and the rest is code of the kernel that nobody needs.
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

/// Returns the rule that `conditions` hold and argument `index` is none of `values`.
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

/// Returns the rules that any of `flags` is set in the first argument.
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

/// Compares half of the register: the kernel does not look at the other half of an `int` either,
/// so what stands there must not make a difference.
fn condition(
    index: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::Error> {
    let size = SeccompCmpArgLen::Dword;
    Ok(SeccompCondition::new(index, size, operator, value)?)
}

/// Returns the program that knows nothing of two things (`ENOSYS`), so that the C library takes
/// another way: `clone3`, whose flags lie in memory where no filter sees them, and the calls of
/// x32, which are the same calls under other numbers.
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

    /// Runs `look` behind the filter; it holds for the thread alone.
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
    fn sockets_of_tcp_are_there_and_the_machines_own_where_a_shell_is() {
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
    fn threads_and_processes_still_start() {
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
    fn no_namespace_is_made() {
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

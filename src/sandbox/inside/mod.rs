//! What runs inside a sandbox, between the kernel and the program.
//!
//! This folder and `supervision` are all that a security reviewer has to read to know how a program
//! is confined. They import nothing else of this crate: what they have to do arrives as an
//! [`init_config::InitConfig`] in words, which the outside wrote. `sandbox-init` ([`init`]) works in
//! this order:
//!
//! 1. It closes all inherited descriptors except the standard streams.
//! 2. In a container, it connects to the relay outside ([`container`]), takes the streams and the
//!    configuration from it, and checks that the right directories are mounted.
//! 3. It limits resources ([`resource_limits`]) and makes its own memory unreadable.
//! 4. It opens the door ([`door`], [`forward`]): a port of the sandbox's own 127.0.0.1 that leads to
//!    a unix socket of the gateway, or a socket that leads to a preview's port.
//! 5. It starts the program behind Landlock ([`landlock_rules`]), which restricts files and ports,
//!    and seccomp ([`seccomp`]), which restricts system calls and kinds of sockets
//!    ([`confinement`]).
//! 6. It forwards signals to the program, reaps orphaned processes, and ends with the program's exit
//!    code.

pub(crate) mod confinement;
pub(crate) mod container;
pub(crate) mod door;
pub(crate) mod forward;
pub mod init;
pub(crate) mod init_config;
pub(crate) mod landlock_rules;
pub(crate) mod proxy_environment;
pub(crate) mod resource_limits;
pub(crate) mod seccomp;

//! The sandbox that restricts an agent to what its role may touch.
//!
//! [`role_policy`] is the table of permissions; [`Sandbox`] is the isolation in force on this machine; a
//! [`SandboxSpec`] describes one sandbox. A program in a sandbox always runs at the end of this chain,
//! in which each process is the parent of the next:
//!
//! 1. `eklavya sandbox-run` ([`launch::relay`]) represents the sandbox to the caller and may be killed
//!    by any signal,
//! 2. `eklavya sandbox-enter` ([`launch::enter`]) stops being root, and kills the others when the first
//!    one has ended,
//! 3. `bwrap` makes the namespaces and mounts (left out with `--no-sandbox`),
//! 4. `eklavya sandbox-init` ([`inside::init`]), inside, connects the door to the gateway,
//! 5. the program, behind Landlock and a filter of system calls.
//!
//! With Docker, [`docker::relay`] and the engine replace the first three.
//!
//! The folders import each other in one direction only:
//!
//! | Folder | Subject |
//! | --- | --- |
//! | `supervision` | watching and ending process trees |
//! | `inside` | what runs in the sandbox, and the configuration that it gets |
//! | (root) | specification, role policy, users, directories, errors |
//! | `plan` | mounts, Landlock rules and init configuration of a specification |
//! | `launch`, `docker` | starting a sandbox with bubblewrap, and with Docker |
//! | `run` | [`Sandbox`], its children, their output, their limits |
//! | `preview`, `browser`, `selftest` | programs that run in sandboxes |
//! | `proxy` | HTTP forwarding for browser and gateway |

pub mod browser;
pub mod docker;
mod docker_error;
mod error;
pub mod inside;
pub mod launch;
mod open_beneath;
mod plan;
pub mod preview;
mod protection_layer;
pub mod proxy;
pub mod role_policy;
mod run;
pub mod selftest;
mod spec;
mod supervision;
mod user;
mod workspace_dirs;

pub use crate::error::SandboxError;
pub use crate::inside::door::{PROXY_LOGIN, WEB_SOCKET};
pub use crate::preview::{PreviewError, PreviewServer, PreviewSource, PreviewSpec};
#[doc(hidden)]
pub use crate::protection_layer::ProtectionLayer;
pub use crate::run::child::{SandboxChild, SandboxExit, StdioStreams, StopSignal};
pub use crate::run::command::{CommandOutcome, RunLimits, run_command, run_program};
pub use crate::run::disk_usage::{DiskQuotaExceeded, wait_for_disk_quota};
pub use crate::run::orphan::{kill_by_pid_file, kill_orphan};
pub use crate::run::sandbox::{IsolationBackend, Sandbox, kill_sandbox};
pub use crate::spec::{KernelRequirements, MountAccess, ProgramSpec, SandboxProfile, SandboxSpec};
pub use crate::user::{SandboxUser, is_root};
pub use crate::workspace_dirs::{WorkspaceDirs, chown_socket, chown_tree};

//! The program that serves a preview, and the profile of its sandbox.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use super::{PreviewSpec, static_server};
use crate::run::sandbox::{IsolationBackend, Sandbox};
use crate::spec::{MountAccess, ProgramSpec, SandboxProfile, SandboxSpec};

/// What a preview shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewSource {
    /// The files of a directory.
    Static {
        /// The directory, relative to the tree.
        directory: PathBuf,
    },
    /// A server that a command starts.
    Command {
        /// A line for `/bin/sh -c`, started in the tree.
        line: String,
        /// The port on which the server listens; the variable `PORT` contains it as well. Every preview
        /// has a network of its own, so several previews may use the same port.
        port: u16,
    },
}

/// Returns the program of the preview and the specification of its sandbox.
pub(super) fn preview_program(
    sandbox: &Sandbox,
    preview: PreviewSpec,
) -> io::Result<(SandboxSpec, ProgramSpec)> {
    let mut spec = preview.spec;
    let (profile, program) = match preview.source {
        PreviewSource::Static { directory } => {
            static_program(sandbox, &spec.workspace.join(directory))?
        }
        PreviewSource::Command { line, port } => command_program(&line, port),
    };
    spec.profile = profile;
    let environment = preview.env.into_iter();
    let program = environment.fold(program, |program, (name, value)| program.env(name, value));
    Ok((spec, program))
}

fn static_program(
    sandbox: &Sandbox,
    directory: &Path,
) -> io::Result<(SandboxProfile, ProgramSpec)> {
    let port = static_port(sandbox)?;
    let access = MountAccess::Read;
    let args: [OsString; 3] = [
        static_server::NAME.into(),
        directory.into(),
        port.to_string().into(),
    ];
    Ok((
        SandboxProfile::Preview { access, port },
        ProgramSpec::new(sandbox.own_program(), args),
    ))
}

fn command_program(line: &str, port: u16) -> (SandboxProfile, ProgramSpec) {
    let access = MountAccess::Write;
    let program = ProgramSpec::new("/bin/sh", ["-c", line]);
    (
        SandboxProfile::Preview { access, port },
        program.env("PORT", port.to_string()),
    )
}

/// Returns a port for `sandbox-serve`: any port in a network of its own, or a free port of the host.
fn static_port(sandbox: &Sandbox) -> io::Result<u16> {
    match sandbox.isolation() {
        IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => Ok(8080),
        IsolationBackend::None => {
            let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
            Ok(std::net::TcpListener::bind(any)?.local_addr()?.port())
        }
    }
}

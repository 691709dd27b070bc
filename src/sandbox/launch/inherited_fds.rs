//! Passing descriptors to one child and to no other process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::MemfdFlags;
use tokio::process::Command;

use crate::error::SandboxError;

/// The first number that the child sees. Passing a descriptor closes the one that has the same number
/// in the child. Low numbers are in use, for example by the pipe that reports a failure to start.
const FIRST: RawFd = 512;

/// The descriptors for one child. In this process all of them are close-on-exec, so that no other
/// child inherits them. They close when the command is dropped.
#[derive(Debug, Default)]
pub(crate) struct InheritedFds(Vec<FdMapping>);

impl InheritedFds {
    /// Adds a descriptor. Returns the number that it will have in the child.
    pub(crate) fn pass(&mut self, parent_fd: OwnedFd) -> Result<RawFd, SandboxError> {
        let index = RawFd::try_from(self.0.len()).map_err(|_| SandboxError::Prepare {
            source: io::Error::from(io::ErrorKind::ArgumentListTooLong),
        })?;
        let child_fd = FIRST + index;
        self.0.push(FdMapping {
            parent_fd,
            child_fd,
        });
        Ok(child_fd)
    }

    /// Adds a file in memory with this text. Returns the number that it will have in the child.
    pub(crate) fn pass_text(&mut self, text: &[u8]) -> Result<RawFd, SandboxError> {
        let file = create_memfd(text).map_err(|source| SandboxError::Prepare { source })?;
        self.pass(file)
    }

    /// Adds arguments, each ended by NUL as `bwrap --args` reads them. Returns the number of their
    /// file in the child.
    pub(crate) fn pass_args(&mut self, args: &[OsString]) -> Result<RawFd, SandboxError> {
        let mut text = Vec::new();
        for arg in args {
            // A NUL inside would begin another argument, which could be an option of bubblewrap.
            if arg.as_bytes().contains(&0) {
                return Err(SandboxError::Prepare {
                    source: io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "a path or variable contains a NUL byte",
                    ),
                });
            }
            text.extend_from_slice(arg.as_bytes());
            text.push(0);
        }
        self.pass_text(&text)
    }

    /// Makes `command` pass all of them to its child.
    pub(crate) fn attach(self, command: &mut Command) -> Result<(), SandboxError> {
        command
            .fd_mappings(self.0)
            .map(|_| ())
            .map_err(|collision| SandboxError::Prepare {
                source: io::Error::other(collision),
            })
    }
}

fn create_memfd(text: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create("sandbox", MemfdFlags::CLOEXEC)?);
    file.write_all(text)?;
    file.rewind()?;
    Ok(file.into())
}

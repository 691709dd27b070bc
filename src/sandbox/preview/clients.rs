//! Connecting the clients of a preview to the socket in its door.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use tokio::net::{TcpListener, UnixStream};

use crate::inside::door::WEB_SOCKET;
use crate::inside::forward;
use crate::open_beneath;

pub(super) async fn accept_clients(listener: TcpListener, door: PathBuf) {
    loop {
        if let Some(client) = forward::accept_or_pause(listener.accept().await).await {
            let _ = client.set_nodelay(true);
            let door = door.clone();
            tokio::spawn(forward::copy_both_ways(client, async move {
                connect_to_door(&door).await
            }));
        }
    }
}

/// Connects to the socket that the preview created in its door.
///
/// The preview may have replaced it by something else; a link to another socket of the host is not
/// followed.
async fn connect_to_door(door: &Path) -> io::Result<UnixStream> {
    let directory = open_beneath::open_directory(door).map_err(io::Error::other)?;
    let socket = rustix::fs::openat2(
        &directory,
        WEB_SOCKET,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )?;
    let stat = rustix::fs::fstat(&socket)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
    UnixStream::connect(format!("/proc/self/fd/{fd}")).await
}

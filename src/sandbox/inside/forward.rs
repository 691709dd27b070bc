//! Forwarding between a TCP port and a unix socket. Each direction closes on its own.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How often, and at which interval, a connection to a missing or refusing socket is retried: the
/// gateway may be restarting.
const MAX_RETRIES: u32 = 100;
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Listens on a free port of 127.0.0.1 and forwards each connection to `socket` in the background.
/// Returns the port.
pub(crate) async fn forward_port_to_socket(socket: PathBuf) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        loop {
            let Some(client) = accept_or_pause(listener.accept().await).await else {
                continue;
            };
            let _ = client.set_nodelay(true);
            let socket = socket.clone();
            tokio::spawn(copy_both_ways(client, async move {
                connect_with_retries(&socket).await
            }));
        }
    });
    Ok(port)
}

/// Listens on `socket` and forwards each connection to `port` of 127.0.0.1 or `::1` in the
/// background.
pub(crate) fn forward_socket_to_port(socket: &Path, port: u16) -> io::Result<()> {
    // A previous run may have left its socket.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let path = SocketPath::open(socket)?;
    let listener = UnixListener::bind(path.path())?;
    tokio::spawn(async move {
        loop {
            if let Some(client) = accept_or_pause(listener.accept().await).await {
                tokio::spawn(copy_both_ways(client, connect_localhost(port)));
            }
        }
    });
    Ok(())
}

/// Returns the connection. Pauses after an error: the usual one is "too many open files".
pub(crate) async fn accept_or_pause<C, A>(result: io::Result<(C, A)>) -> Option<C> {
    if let Ok((connection, _)) = result {
        return Some(connection);
    }
    tokio::time::sleep(RETRY_INTERVAL).await;
    None
}

/// Copies bytes between `client` and the connection that `connect` makes. A failure closes the
/// connection, which both ends see.
pub(crate) async fn copy_both_ways<C, S>(
    mut client: C,
    connect: impl Future<Output = io::Result<S>>,
) where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Ok(mut server) = connect.await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// A short path to a socket, through its opened directory: the path of a socket may have only 107
/// bytes (unix(7)), and the path of the data directory may be longer.
struct SocketPath {
    directory: OwnedFd,
    name: OsString,
}

impl SocketPath {
    fn open(socket: &Path) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            directory: open(socket.parent().ok_or_else(invalid)?, flags, Mode::empty())?,
            name: socket.file_name().ok_or_else(invalid)?.to_owned(),
        })
    }

    fn path(&self) -> PathBuf {
        let directory = self.directory.as_raw_fd().to_string();
        Path::new("/proc/self/fd").join(directory).join(&self.name)
    }
}

async fn connect_with_retries(socket: &Path) -> io::Result<UnixStream> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    let path = SocketPath::open(socket)?;
    for _ in 0..MAX_RETRIES {
        match UnixStream::connect(path.path()).await {
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            other => return other,
        }
    }
    UnixStream::connect(path.path()).await
}

/// A server may listen on either of the two addresses of `localhost`.
async fn connect_localhost(port: u16) -> io::Result<TcpStream> {
    match TcpStream::connect(("127.0.0.1", port)).await {
        Ok(stream) => Ok(stream),
        Err(error) => TcpStream::connect(("::1", port)).await.map_err(|_| error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn echo(socket: &Path) -> tokio::task::JoinHandle<()> {
        let listener = UnixListener::bind(socket).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = Vec::new();
                stream.read_to_end(&mut text).await.unwrap();
                text.reverse();
                stream.write_all(&text).await.unwrap();
            }
        })
    }

    async fn ask(port: u16, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        // The server answers only after the end of the request.
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_path_of_a_socket_may_be_of_any_length() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let (web, gateway) = (deep.join("web.sock"), deep.join("gateway.sock"));
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        forward_socket_to_port(&web, server.local_addr().unwrap().port()).unwrap();
        std::fs::rename(&web, &gateway).unwrap();
        let port = forward_port_to_socket(gateway).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let (mut arrived, _) = server.accept().await.unwrap();
        let mut heard = [0; 5];
        arrived.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }

    #[tokio::test]
    async fn closing_one_direction_leaves_the_other_open() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("gateway.sock");
        let _server = echo(&socket);
        let port = forward_port_to_socket(socket).await.unwrap();
        assert_eq!(ask(port, "abc").await, "cba");
    }

    #[tokio::test]
    async fn connections_reach_a_socket_that_is_created_late_or_again() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("gateway.sock");
        let port = forward_port_to_socket(socket.clone()).await.unwrap();
        let asked = tokio::spawn(ask(port, "abc"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let server = echo(&socket);
        assert_eq!(asked.await.unwrap(), "cba");
        server.abort();
        let _ = server.await;
        std::fs::remove_file(&socket).unwrap();
        let _server = echo(&socket);
        assert_eq!(ask(port, "def").await, "fed");
    }

    #[tokio::test]
    async fn a_socket_that_replaces_a_leftover_file_forwards_to_its_port() {
        let dir = tempfile::tempdir().unwrap();
        let (inner, web) = (dir.path().join("inner.sock"), dir.path().join("web.sock"));
        let _server = echo(&inner);
        let port = forward_port_to_socket(inner).await.unwrap();
        std::fs::write(&web, "left over").unwrap();
        forward_socket_to_port(&web, port).unwrap();
        let mut stream = UnixStream::connect(&web).await.unwrap();
        stream.write_all(b"abc").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "cba");
    }
}

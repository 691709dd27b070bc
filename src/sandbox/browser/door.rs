//! The only way out of a browser: a proxy that forwards to previews and to no other host.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::{Mode, OFlags};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::error::BrowserError;
use crate::inside::door::PROXY_SOCKET;
use crate::proxy::{self, HTTP_PORT, PreviewLookup, TargetConnection, parse_target};
use crate::user::SandboxUser;
use crate::workspace_dirs::{WorkspaceDirs, chown_socket};
use eklavya_core::egress::EgressTarget;

/// The number of simultaneous connections; further ones wait.
const MAX_CONNECTIONS: usize = 128;
/// How long the browser may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a preview may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The previews of a project by name, with callbacks for the requests to them.
pub trait PreviewNames: PreviewLookup {
    /// Called when a page sends a request to the preview `host`, which listens at `address`.
    fn on_reached<'a>(&'a self, host: &'a str, address: SocketAddr) -> BoxFuture<'a, ()>;

    /// Called when a page sends a request to a host that is not a preview.
    fn on_refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()>;

    /// Called when the browser has ended.
    fn on_ended(&self) -> BoxFuture<'_, ()>;

    /// Returns the names of all running previews.
    fn list_names(&self) -> BoxFuture<'_, Vec<String>>;
}

/// Returns the URLs of previews as text, from [`PreviewNames::list_names`].
pub fn join_preview_urls(names: &[String]) -> String {
    let urls: Vec<String> = names.iter().map(|name| format!("http://{name}/")).collect();
    urls.join(", ")
}

type DoorBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// The proxy of one browser. It closes when it is dropped.
#[derive(Debug)]
pub struct BrowserDoor {
    serving: JoinHandle<()>,
}

impl BrowserDoor {
    /// Listens in the door of `dirs`.
    ///
    /// # Errors
    /// The socket cannot be created.
    pub fn open(
        dirs: &WorkspaceDirs,
        owner: Option<SandboxUser>,
        names: Arc<dyn PreviewNames>,
    ) -> Result<Self, BrowserError> {
        let listener = listen(&dirs.door).map_err(|source| BrowserError::Prepare {
            path: dirs.door.clone(),
            source,
        })?;
        chown_socket(&dirs.door.join(PROXY_SOCKET), owner)?;
        Ok(Self {
            serving: tokio::spawn(serve(listener, names)),
        })
    }

    /// Closes all connections and accepts no further ones.
    pub(super) async fn close(&mut self) {
        self.serving.abort();
        // The task was aborted, which is the expected error.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for BrowserDoor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Listens on the socket through its opened directory: the path of a socket may have at most 107 bytes.
fn listen(directory: &Path) -> io::Result<UnixListener> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(directory, flags, Mode::empty())?;
    let through = Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string());
    UnixListener::bind(through.join(PROXY_SOCKET))
}

/// Accepts connections. All of them end when this future is dropped.
async fn serve(listener: UnixListener, names: Arc<dyn PreviewNames>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let names = Arc::clone(&names);
        connections.spawn(async move {
            serve_connection(stream, names).await;
            drop(slot);
        });
    }
}

async fn serve_connection(stream: UnixStream, names: Arc<dyn PreviewNames>) {
    // A tunnel belongs to its connection and ends with it.
    let tunnels = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
    let service = service_fn(|request| {
        let (names, tunnels) = (Arc::clone(&names), Arc::clone(&tunnels));
        async move { Ok::<_, Infallible>(handle_request(names.as_ref(), &tunnels, request).await) }
    });
    // The browser may close the connection at any moment.
    let _ = server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    let mut tunnels = tunnels.lock().await;
    while tunnels.join_next().await.is_some() {}
}

async fn handle_request(
    names: &dyn PreviewNames,
    tunnels: &tokio::sync::Mutex<JoinSet<()>>,
    request: Request<Incoming>,
) -> Response<DoorBody> {
    let wanted = parse_target(request.method(), request.uri()).ok();
    let Some(target) = wanted.filter(|target| target.port == HTTP_PORT) else {
        names.on_refused(&request.uri().to_string()).await;
        return forbidden_page("only http addresses of previews can be reached from here");
    };
    let host = target.host.to_string();
    let Some(address) = names.find_preview(&target).await else {
        names.on_refused(&host).await;
        return forbidden_page("the project has no running preview of this name");
    };
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connecting else {
        return text_page(StatusCode::BAD_GATEWAY, "the preview does not respond");
    };
    names.on_reached(&host, address).await;
    if request.method() == Method::CONNECT {
        tunnels.lock().await.spawn(tunnel(request, stream));
        return Response::new(empty_body());
    }
    forward(request, &target, stream).await
}

async fn tunnel(request: Request<Incoming>, mut stream: TcpStream) {
    if let Ok(upgraded) = hyper::upgrade::on(request).await {
        let mut browser = TokioIo::new(upgraded);
        // Either side may close the tunnel at any moment.
        let _ = tokio::io::copy_bidirectional(&mut browser, &mut stream).await;
    }
}

async fn forward(
    request: Request<Incoming>,
    target: &EgressTarget,
    stream: TcpStream,
) -> Response<DoorBody> {
    let (head, body) = request.into_parts();
    let Ok(head) = proxy::rewrite_head(head, target) else {
        return forbidden_page("this address cannot be forwarded");
    };
    let drive = |connection: TargetConnection<Incoming>| {
        tokio::spawn(async move {
            // The connection ends with its only response.
            let _ = connection.await;
        });
    };
    match proxy::send_request(Request::from_parts(head, body), stream, drive).await {
        Ok(response) => response.map(BodyExt::boxed_unsync),
        Err(_) => text_page(StatusCode::BAD_GATEWAY, "the preview closed the connection"),
    }
}

fn forbidden_page(why: &str) -> Response<DoorBody> {
    text_page(StatusCode::FORBIDDEN, why)
}

fn text_page(status: StatusCode, why: &str) -> Response<DoorBody> {
    let text = Full::new(Bytes::from(format!("{why}\n")));
    let mut response = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn empty_body() -> DoorBody {
    Full::new(Bytes::new())
        .map_err(|never| match never {})
        .boxed_unsync()
}

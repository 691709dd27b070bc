//! The way out of a browser: a proxy that knows the names of previews and no other host.

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
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri, client, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::{Mode, OFlags};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::error::BrowserError;
use crate::domain::egress::Target;
use crate::sandbox::{Dirs, PROXY_SOCKET, User, share_socket};

/// Connections at a time; the next ones wait.
const MAX_CONNECTIONS: usize = 128;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a preview may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The port of http, the only one that previews have by name.
const PORT: u16 = 80;

/// The names under which a project's own previews are reached.
pub trait PreviewNames: Send + Sync {
    /// Returns where the preview called `host` (e.g. `demo-1.shop.localhost`) answers; nothing where
    /// the project has none of that name now.
    fn address<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<SocketAddr>>;

    /// Hears that a page asked for something of the preview called `host`, which answers at `address`.
    fn reached<'a>(&'a self, host: &'a str, address: SocketAddr) -> BoxFuture<'a, ()>;

    /// Hears that a page asked for a host that is none of them.
    fn refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()>;

    /// Hears that the browser has ended, and that nothing more will be asked for.
    fn ended(&self) -> BoxFuture<'_, ()>;

    /// Returns the names of all previews that run now.
    fn known(&self) -> BoxFuture<'_, Vec<String>>;
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// The proxy of one browser; it closes when it is dropped.
#[derive(Debug)]
pub struct Door {
    serving: JoinHandle<()>,
}

impl Door {
    /// Listens in the door of `dirs`.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn open(
        dirs: &Dirs,
        owner: Option<User>,
        names: Arc<dyn PreviewNames>,
    ) -> Result<Self, BrowserError> {
        let listener = listen(&dirs.door).map_err(|source| BrowserError::Prepare {
            path: dirs.door.clone(),
            source,
        })?;
        share_socket(&dirs.door.join(PROXY_SOCKET), owner)?;
        Ok(Self {
            serving: tokio::spawn(serve(listener, names)),
        })
    }
}

impl Door {
    /// Ends all connections, and lets no further one in.
    pub(super) async fn close(&mut self) {
        self.serving.abort();
        // It was told to end; however it does, it is over.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Listens on the socket by way of its opened directory: the kernel takes at most 107 bytes of a
/// path.
fn listen(directory: &Path) -> io::Result<UnixListener> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(directory, flags, Mode::empty())?;
    let through = Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string());
    UnixListener::bind(through.join(PROXY_SOCKET))
}

/// Accepts connections; all of them end with this future.
async fn serve(listener: UnixListener, names: Arc<dyn PreviewNames>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let names = Arc::clone(&names);
        connections.spawn(async move {
            connection(stream, names).await;
            drop(place);
        });
    }
}

async fn connection(stream: UnixStream, names: Arc<dyn PreviewNames>) {
    // A tunnel belongs to its connection and ends with it.
    let tunnels = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
    let service = service_fn(|request| {
        let (names, tunnels) = (Arc::clone(&names), Arc::clone(&tunnels));
        async move { Ok::<_, Infallible>(answer(names.as_ref(), &tunnels, request).await) }
    });
    // How a connection ends is the browser's business.
    let _ = server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    let mut tunnels = tunnels.lock().await;
    while tunnels.join_next().await.is_some() {}
}

async fn answer(
    names: &dyn PreviewNames,
    tunnels: &tokio::sync::Mutex<JoinSet<()>>,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(host) = host_of(request.uri(), request.method()) else {
        names.refused(&request.uri().to_string()).await;
        return refusal("only http addresses of previews are reached from here");
    };
    let Some(address) = names.address(&host).await else {
        names.refused(&host).await;
        return refusal("the project has no preview of this name now");
    };
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connecting else {
        return page(StatusCode::BAD_GATEWAY, "the preview does not answer");
    };
    names.reached(&host, address).await;
    if request.method() == Method::CONNECT {
        tunnels.lock().await.spawn(tunnel(request, stream));
        return Response::new(empty());
    }
    forward(request, &host, stream).await
}

/// Returns the name that a request is for, in lower case; nothing for anything but http on its port.
fn host_of(uri: &Uri, method: &Method) -> Option<String> {
    let authority = uri.authority()?.as_str();
    let target = match method {
        &Method::CONNECT => uri.scheme().is_none().then(|| Target::parse(authority)),
        _ => (uri.scheme_str() == Some("http")).then(|| Target::parse_or(authority, PORT)),
    };
    let target = target?.ok()?;
    (target.port == PORT).then(|| target.host.to_string())
}

async fn tunnel(request: Request<Incoming>, mut stream: TcpStream) {
    if let Ok(upgraded) = hyper::upgrade::on(request).await {
        let mut browser = TokioIo::new(upgraded);
        // Either side may close it at any moment.
        let _ = tokio::io::copy_bidirectional(&mut browser, &mut stream).await;
    }
}

async fn forward(mut request: Request<Incoming>, host: &str, stream: TcpStream) -> Response<Body> {
    let unusable = || page(StatusCode::BAD_GATEWAY, "the preview broke off");
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let (Ok(uri), Ok(name)) = (path.parse::<Uri>(), HeaderValue::from_str(host)) else {
        return refusal("this address cannot be forwarded");
    };
    *request.uri_mut() = uri;
    strip(request.headers_mut());
    request.headers_mut().insert(header::HOST, name);
    let Ok((mut sender, connection)) = client::conn::http1::handshake(TokioIo::new(stream)).await
    else {
        return unusable();
    };
    tokio::spawn(async move {
        // It ends with its one answer.
        let _ = connection.await;
    });
    match sender.send_request(request).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            response.map(BodyExt::boxed_unsync)
        }
        Err(_) => unusable(),
    }
}

/// Removes what belongs to one connection (RFC 9110, section 7.6.1) or to the proxy.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let fixed = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("keep-alive"),
    ];
    for name in named.into_iter().chain(fixed) {
        headers.remove(name);
    }
}

fn refusal(why: &str) -> Response<Body> {
    page(StatusCode::FORBIDDEN, why)
}

fn page(status: StatusCode, why: &str) -> Response<Body> {
    let text = Full::new(Bytes::from(format!("{why}\n")));
    let mut response = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn empty() -> Body {
    Full::new(Bytes::new())
        .map_err(|never| match never {})
        .boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(method: &str, uri: &str) -> Option<String> {
        let uri: Uri = uri.parse().ok()?;
        host_of(&uri, &method.parse().unwrap())
    }

    #[test]
    fn only_http_on_its_port_has_a_host() {
        let name = Some("demo-1.shop.localhost".to_owned());
        assert_eq!(host("GET", "http://Demo-1.shop.LOCALHOST/a?b"), name);
        assert_eq!(host("GET", "http://demo-1.shop.localhost:80/"), name);
        assert_eq!(host("CONNECT", "demo-1.shop.localhost:80"), name);
        for (method, uri) in [
            ("GET", "/"),
            ("GET", "https://demo-1.shop.localhost/"),
            ("GET", "http://demo-1.shop.localhost:8080/"),
            ("GET", "http://demo-1.shop.localhost:0/"),
            ("GET", "http://demo-1.shop.localhost:99999/"),
            ("GET", "http://a@demo-1.shop.localhost/"),
            ("GET", "ftp://demo-1.shop.localhost/"),
            ("CONNECT", "demo-1.shop.localhost:443"),
            ("CONNECT", "a@demo-1.shop.localhost:80"),
            ("CONNECT", "http://demo-1.shop.localhost:80"),
        ] {
            assert_eq!(host(method, uri), None, "{method} {uri}");
        }
    }
}

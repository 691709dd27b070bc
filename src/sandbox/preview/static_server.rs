//! `eklavya sandbox-serve`: a small server of static files that runs in the sandbox of a preview.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::io::ReaderStream;

use crate::inside::forward::accept_or_pause;

/// The subcommand's name.
pub const NAME: &str = "sandbox-serve";

type FileBody = UnsyncBoxBody<Bytes, io::Error>;

/// Serves a directory on a port of 127.0.0.1 (arguments: DIR PORT) until it is killed.
///
/// # Errors
/// The directory or the port cannot be used.
pub fn main(args: &[OsString]) -> Result<Infallible, String> {
    let [directory, port] = args else {
        return Err("this command is for internal use: DIR PORT".to_owned());
    };
    let port: u16 = port
        .to_str()
        .and_then(|port| port.parse().ok())
        .ok_or("the port is not a number up to 65535")?;
    let root = open_directory(Path::new(directory))
        .map_err(|error| format!("cannot serve {}: {error}", directory.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
        Ok(serve(listener, Arc::new(root)).await)
    })
}

fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::empty())?)
}

async fn serve(listener: TcpListener, root: Arc<OwnedFd>) -> Infallible {
    loop {
        if let Some(stream) = accept_or_pause(listener.accept().await).await {
            tokio::spawn(serve_connection(stream, Arc::clone(&root)));
        }
    }
}

async fn serve_connection(stream: TcpStream, root: Arc<OwnedFd>) {
    let service = service_fn(move |request| {
        let root = Arc::clone(&root);
        async move { Ok::<_, Infallible>(respond(&root, &request)) }
    });
    let server = hyper::server::conn::http1::Builder::new();
    // This fails if the client disconnects; then no response is needed.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn respond<B>(root: &OwnedFd, request: &Request<B>) -> Response<FileBody> {
    let head = request.method() == Method::HEAD;
    if !head && request.method() != Method::GET {
        let mut refused = text_page(
            StatusCode::METHOD_NOT_ALLOWED,
            "Only GET and HEAD are served.",
        );
        refused
            .headers_mut()
            .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let mut response = match find_file(root, request.uri().path()) {
        FileLookup::File(file, length, kind) => file_response(file, length, kind),
        FileLookup::Directory => redirect(request.uri().path()),
        FileLookup::NotFound => text_page(StatusCode::NOT_FOUND, "This page does not exist."),
    };
    if head {
        *response.body_mut() = text_body(String::new());
    }
    response
}

enum FileLookup {
    File(std::fs::File, u64, &'static str),
    /// The path names a directory but does not end in a slash, so relative links in its page would be
    /// resolved against the wrong directory.
    Directory,
    NotFound,
}

fn find_file(root: &OwnedFd, url: &str) -> FileLookup {
    let Some(relative) = relative_path(url) else {
        return FileLookup::NotFound;
    };
    let Some((file, meta)) = open_beneath(root, &relative) else {
        return FileLookup::NotFound;
    };
    if meta.is_dir() {
        if !url.ends_with('/') {
            return FileLookup::Directory;
        }
        let index = relative.join("index.html");
        return match open_beneath(root, &index) {
            Some((file, meta)) if meta.is_file() => {
                FileLookup::File(file, meta.len(), content_type(&index))
            }
            _ => FileLookup::NotFound,
        };
    }
    if meta.is_file() && !url.ends_with('/') {
        return FileLookup::File(file, meta.len(), content_type(&relative));
    }
    FileLookup::NotFound
}

/// Turns the path of a URL into a path below the root; `None` if it contains `..` or is malformed.
fn relative_path(url: &str) -> Option<PathBuf> {
    let decoded = percent_decode(url)?;
    let path = Path::new(OsStr::from_bytes(&decoded));
    let mut relative = PathBuf::from(".");
    for part in path.components() {
        match part {
            Component::Normal(name) => relative.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!decoded.contains(&0)).then_some(relative)
}

fn percent_decode(url: &str) -> Option<Vec<u8>> {
    let mut bytes = url.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
            u8::try_from(value).ok()?
        } else {
            byte
        });
    }
    Some(decoded)
}

/// Opens a file below the root. Links may not lead out of it.
fn open_beneath(root: &OwnedFd, relative: &Path) -> Option<(std::fs::File, std::fs::Metadata)> {
    // Without NONBLOCK, a named pipe would block the server.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(root, relative, flags, Mode::empty(), inside).ok()?;
    let file = std::fs::File::from(file);
    let meta = file.metadata().ok()?;
    Some((file, meta))
}

/// Returns the content type that browsers need for a file name.
fn content_type(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
        .to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "xml" => "application/xml",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

fn file_response(file: std::fs::File, length: u64, kind: &'static str) -> Response<FileBody> {
    let chunks = ReaderStream::new(tokio::io::AsyncReadExt::take(
        tokio::fs::File::from_std(file),
        // The body must not exceed the announced length if the file grows meanwhile.
        length,
    ));
    let body = StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

fn redirect(path: &str) -> Response<FileBody> {
    let mut response = text_page(StatusCode::MOVED_PERMANENTLY, "The page is a directory.");
    // One slash only: "//host" would redirect to another host.
    let target = format!("/{}/", path.trim_start_matches('/'));
    if let Ok(target) = target.parse() {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

fn text_page(status: StatusCode, message: &str) -> Response<FileBody> {
    let mut response = Response::new(text_body(format!(
        "<!doctype html>\n<title>{status}</title>\n<h1>{status}</h1>\n<p>{message}</p>\n"
    )));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn text_body(text: String) -> FileBody {
    Full::new(Bytes::from(text))
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    async fn ask(root: &Path, method: &str, url: &str) -> (u16, Response<Bytes>) {
        let root = open_directory(root).unwrap();
        let request = Request::builder().method(method).uri(url).body(()).unwrap();
        let (parts, body) = respond(&root, &request).into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), Response::from_parts(parts, body))
    }

    fn site() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("shop")).unwrap();
        fs::write(dir.path().join("index.html"), "home").unwrap();
        fs::write(dir.path().join("shop/index.html"), "shop").unwrap();
        fs::write(dir.path().join("a b.css"), "x{}").unwrap();
        dir
    }

    #[tokio::test]
    async fn files_are_served_with_their_content_type() {
        let site = site();
        for (url, body, kind) in [
            ("/", "home", "text/html; charset=utf-8"),
            ("/index.html?x=1", "home", "text/html; charset=utf-8"),
            ("/shop/", "shop", "text/html; charset=utf-8"),
            ("/a%20b.css", "x{}", "text/css; charset=utf-8"),
        ] {
            let (status, response) = ask(site.path(), "GET", url).await;
            assert_eq!(
                (status, &response.body()[..]),
                (200, body.as_bytes()),
                "{url}"
            );
            assert_eq!(response.headers()[CONTENT_TYPE], kind, "{url}");
        }
    }

    #[tokio::test]
    async fn a_response_to_head_has_the_length_but_no_body() {
        let (status, response) = ask(site().path(), "HEAD", "/").await;
        assert_eq!((status, response.body().len()), (200, 0));
        assert_eq!(response.headers()[CONTENT_LENGTH], "4");
    }

    #[tokio::test]
    async fn a_directory_redirects_to_its_path_with_a_slash_on_this_host() {
        let site = site();
        let (status, response) = ask(site.path(), "GET", "/shop").await;
        assert_eq!(status, 301);
        assert_eq!(response.headers()[LOCATION], "/shop/");
        assert_eq!(
            redirect("//evil.example").headers()[LOCATION],
            "/evil.example/"
        );
    }

    #[tokio::test]
    async fn missing_files_and_files_outside_the_root_are_404() {
        let (site, outside) = (site(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "secret").unwrap();
        symlink(outside.path().join("secret"), site.path().join("link")).unwrap();
        symlink(outside.path(), site.path().join("dir")).unwrap();
        symlink("index.html", site.path().join("alias.html")).unwrap();
        fs::create_dir(site.path().join("empty")).unwrap();
        for url in [
            "/none",
            "/index.html/",
            "/link",
            "/dir/secret",
            "/../secret",
            "/%2e%2e/secret",
            "/shop/..%2f..%2fsecret",
            "/%00",
            "/%zz",
            "/%2",
            "/empty/",
        ] {
            let (status, _) = ask(site.path(), "GET", url).await;
            assert_eq!(status, 404, "{url}");
        }
        let (status, _) = ask(site.path(), "GET", "/alias.html").await;
        assert_eq!(status, 200, "a link to a file inside the root is served");
    }

    #[tokio::test]
    async fn a_named_pipe_is_404_and_does_not_block_the_server() {
        let site = site();
        nix::unistd::mkfifo(&site.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let (status, _) = ask(site.path(), "GET", "/pipe").await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn methods_other_than_get_and_head_are_refused() {
        let (status, response) = ask(site().path(), "POST", "/").await;
        assert_eq!(status, 405);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
}

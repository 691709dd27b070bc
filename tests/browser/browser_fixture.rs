//! A browser, and a server whose pages the test writes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use eklavya_core::egress::EgressTarget;
use eklavya_sandbox::browser::{
    BrowserSession, BrowserSpec, PreviewNames, ViewportSize, locate_browser,
};
use eklavya_sandbox::proxy::PreviewLookup;
use eklavya_sandbox::{KernelRequirements, Sandbox, SandboxUser, is_root};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The host name of the preview.
pub const NAME: &str = "demo-1.shop.localhost";

/// A server of the test's pages on a port of this machine that records its requests.
pub struct PageServer {
    pub address: SocketAddr,
    pages: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl PageServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            pages: Arc::default(),
            asked: Arc::default(),
        };
        let (pages, asked) = (Arc::clone(&server.pages), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (pages, asked) = (Arc::clone(&pages), Arc::clone(&asked));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
                    let bare = path.split('?').next().unwrap().to_owned();
                    asked.lock().unwrap().push(head);
                    let page = pages.lock().unwrap().get(&bare).cloned();
                    let answer = page.unwrap_or_else(|| {
                        "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone".to_owned()
                    });
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        server
    }

    /// Serves a page.
    pub fn serve_page(&self, path: &str, html: &str) {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            html.len()
        );
        self.serve_bytes(path, &(head + html));
    }

    /// Serves these bytes as a response.
    pub fn serve_bytes(&self, path: &str, answer: &str) {
        let mut pages = self.pages.lock().unwrap();
        pages.insert(path.to_owned(), answer.to_owned());
    }

    /// Returns the heads of all requests so far.
    pub fn request_heads(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The names of previews that the test defines.
#[derive(Debug, Default)]
pub struct TestPreviewNames(
    pub Mutex<BTreeMap<String, SocketAddr>>,
    /// The hosts that were refused.
    pub Mutex<Vec<String>>,
    /// The hosts that were reached, and an empty text once the browser has ended.
    pub Mutex<Vec<String>>,
);

impl PreviewLookup for TestPreviewNames {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        let name = target.host.to_string();
        let found = self.0.lock().unwrap().get(&name).copied();
        Box::pin(async move { found.filter(|_| target.port == 80) })
    }
}

impl PreviewNames for TestPreviewNames {
    fn on_reached<'a>(&'a self, host: &'a str, _: SocketAddr) -> BoxFuture<'a, ()> {
        self.2.lock().unwrap().push(host.to_owned());
        Box::pin(async {})
    }

    fn on_ended(&self) -> BoxFuture<'_, ()> {
        self.2.lock().unwrap().push(String::new());
        Box::pin(async {})
    }

    fn on_refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()> {
        self.1.lock().unwrap().push(host.to_owned());
        Box::pin(async {})
    }

    fn list_names(&self) -> BoxFuture<'_, Vec<String>> {
        let known = self.0.lock().unwrap().keys().cloned().collect();
        Box::pin(async move { known })
    }
}

pub struct BrowserFixture {
    pub sandbox: Sandbox,
    pub dir: TempDir,
    pub names: Arc<TestPreviewNames>,
    pub server: PageServer,
    pub memory_bytes: u64,
}

impl BrowserFixture {
    pub async fn new() -> Self {
        let exe = eklavya_testkit::program::eklavya_program();
        let path = OsStr::new("/usr/bin:/bin");
        let sandbox =
            Sandbox::probe_bubblewrap(path, exe, user(), KernelRequirements::default()).await;
        let server = PageServer::start().await;
        let names = Arc::new(TestPreviewNames::default());
        let name = (NAME.to_owned(), server.address);
        names.0.lock().unwrap().extend([name]);
        Self {
            sandbox: sandbox.unwrap(),
            dir: tempfile::tempdir_in("/var/tmp").unwrap(),
            names,
            server,
            memory_bytes: 2 << 30,
        }
    }

    pub fn spec(&self) -> BrowserSpec {
        let search = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        let program = locate_browser(None, &search)
            .expect("these tests need chromium: apt-get install chromium");
        BrowserSpec {
            program,
            root: self.dir.path().join("browser"),
            pid_file: self.dir.path().join("process"),
            user: user(),
            tmp_bytes: 512 << 20,
            disk_bytes: 1 << 30,
            memory_bytes: self.memory_bytes,
            names: self.names.clone(),
            viewport: ViewportSize::default(),
        }
    }

    pub async fn browser(&self) -> BrowserSession {
        BrowserSession::start(&self.sandbox, self.spec())
            .await
            .unwrap()
    }
}

pub fn user() -> Option<SandboxUser> {
    is_root().then_some(SandboxUser {
        uid: 70_001,
        gid: 70_001,
    })
}

/// Returns a URL on the preview.
pub fn preview_url(path: &str) -> String {
    format!("http://{NAME}{path}")
}

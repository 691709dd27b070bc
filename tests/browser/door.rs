//! A compromised browser: its processes, not its pages, send arbitrary requests to the door.

use std::process::Stdio;
use std::sync::Arc;

use eklavya_sandbox::browser::{BrowserDoor, PreviewNames};
use eklavya_sandbox::{ProgramSpec, SandboxProfile, SandboxSpec, StdioStreams, WorkspaceDirs};
use tokio::io::AsyncReadExt;

use crate::browser_fixture::{BrowserFixture, NAME, PageServer, user};

/// The sandbox and the door of a browser, in which the test runs other programs.
struct CompromisedBrowser {
    scene: BrowserFixture,
    dirs: WorkspaceDirs,
    _door: BrowserDoor,
}

impl CompromisedBrowser {
    async fn compromise() -> Self {
        let scene = BrowserFixture::new().await;
        scene.server.serve_page("/", "the preview");
        let dirs = WorkspaceDirs::below(&scene.dir.path().join("browser"));
        dirs.create(user()).unwrap();
        let names: Arc<dyn PreviewNames> = scene.names.clone();
        let door = BrowserDoor::open(&dirs, user(), names).unwrap();
        Self {
            scene,
            dirs,
            _door: door,
        }
    }

    /// Runs a shell line and returns its output.
    async fn run(&self, line: &str) -> String {
        let mut spec = SandboxSpec::new(SandboxProfile::Browser, &self.dirs);
        spec.door = Some(self.dirs.door.clone());
        spec.user = user();
        let inner = ProgramSpec::new("/bin/bash", ["-c", line]).env("PATH", "/usr/bin:/bin");
        let streams = StdioStreams {
            stdin: Stdio::null(),
            ..StdioStreams::piped()
        };
        let mut child = self
            .scene
            .sandbox
            .spawn(&spec, inner, streams)
            .await
            .unwrap();
        let mut text = String::new();
        let mut output = child.take_stdout().unwrap();
        output.read_to_string(&mut text).await.unwrap();
        child.wait().await.unwrap();
        text
    }

    /// Sends a request's head to the door unchanged, and returns the answer.
    async fn send_request(&self, head: &str) -> String {
        let line = format!(
            "exec 3<>/dev/tcp/127.0.0.1/$EKLAVYA_PROXY_PORT; \
             printf '{head}\\r\\nConnection: close\\r\\n\\r\\n' >&3; timeout 5 cat <&3"
        );
        self.run(&line).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_requests_to_the_door_reach_only_previews_by_name() {
    let taken = CompromisedBrowser::compromise().await;
    let secret = PageServer::start().await;
    secret.serve_page("/", "the secret");
    let port = secret.address.port();
    let own = taken
        .send_request(&format!("GET http://{NAME}/ HTTP/1.1\\r\\nHost: {NAME}"))
        .await;
    assert!(
        own.contains("200 OK") && own.contains("the preview"),
        "{own}"
    );
    for head in [
        format!("GET http://127.0.0.1:{port}/ HTTP/1.1"),
        format!("GET http://{NAME}:{port}/ HTTP/1.1"),
        format!("GET http://{NAME}@127.0.0.1:{port}/ HTTP/1.1"),
        format!("GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{port}"),
        format!("CONNECT 127.0.0.1:{port} HTTP/1.1"),
        format!("CONNECT {NAME}:{port} HTTP/1.1"),
        format!("CONNECT {NAME}:443 HTTP/1.1"),
        "CONNECT demo-1.rival.localhost:80 HTTP/1.1".to_owned(),
        "GET http://demo-1.rival.localhost/ HTTP/1.1".to_owned(),
        "GET http://169.254.169.254/latest/ HTTP/1.1".to_owned(),
        "GET http://example.com/ HTTP/1.1".to_owned(),
        "GET https://example.com/ HTTP/1.1".to_owned(),
        "GET http://[::1]/ HTTP/1.1".to_owned(),
        format!("GET http://{NAME}:0/ HTTP/1.1"),
        format!("GET http://{NAME}:99999/ HTTP/1.1"),
    ] {
        let answer = taken.send_request(&head).await;
        let refused = answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400");
        assert!(refused, "{head}: {answer}");
    }
    assert_eq!(secret.request_heads(), Vec::<String>::new());
    // The host header does not change the target.
    let head = format!("GET http://{NAME}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}");
    assert!(taken.send_request(&head).await.contains("the preview"));
    let last = taken.scene.server.request_heads().pop().unwrap();
    assert!(last.contains(&format!("host: {NAME}\r\n")), "{last}");
    // The door is what refuses: it forwards to the same server once it knows the name.
    let rival = ("demo-1.rival.localhost".to_owned(), secret.address);
    taken.scene.names.0.lock().unwrap().extend([rival]);
    let known = taken
        .send_request("GET http://demo-1.rival.localhost/ HTTP/1.1")
        .await;
    assert!(known.contains("the secret"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_browser_connects_only_through_its_door() {
    let taken = CompromisedBrowser::compromise().await;
    let secret = PageServer::start().await;
    let port = secret.address.port();
    let text = taken
        .run(&format!(
            "(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo connected; \
             ls {door}; touch {door}/new 2>/dev/null && echo made; echo done",
            door = taken.dirs.door.display()
        ))
        .await;
    assert_eq!(text, "proxy.sock\ndone\n");
    assert_eq!(secret.request_heads(), Vec::<String>::new());
    // The same connection works outside the sandbox.
    let bash = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected");
    let mut outside = eklavya_core::process::new_command("/bin/bash");
    let output = outside.args(["-c", &bash]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "connected\n");
}

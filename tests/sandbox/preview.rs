//! Previews, requested from the host.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use eklavya_sandbox::{
    MountAccess, PreviewError, PreviewServer, PreviewSource, PreviewSpec, SandboxProfile,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

const LONG: Duration = Duration::from_mins(1);
/// A server that listens on $PORT of 127.0.0.1 inside its sandbox.
const SERVER: &str = "exec /opt/eklavya/eklavya sandbox-serve . $PORT";
const SHORT: Duration = Duration::from_millis(500);

fn preview_spec(project: &SandboxProject, source: PreviewSource) -> PreviewSpec {
    let mut spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    spec.door = Some(project.dirs.door.clone());
    PreviewSpec {
        spec,
        source,
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        listen: 0,
    }
}

fn command_source(line: &str) -> PreviewSource {
    PreviewSource::Command {
        line: line.to_owned(),
        port: 8000,
    }
}

async fn http_get(preview: &PreviewServer, path: &str) -> String {
    let mut stream = TcpStream::connect(preview.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub async fn a_static_site_is_served_until_it_is_stopped(backend: SandboxBackend) {
    for project in [
        SandboxProject::new(backend).await,
        SandboxProject::unprotected().await,
    ] {
        fs::write(project.path("docs/index.html"), "<h1>shop</h1>").unwrap();
        project.chown_to_agent();
        let source = PreviewSource::Static {
            directory: "docs".into(),
        };
        let mut shown = PreviewServer::start(&project.sandbox, preview_spec(&project, source))
            .await
            .unwrap();
        assert_eq!(shown.wait_until_healthy("/", LONG).await.unwrap(), 200);
        let page = http_get(&shown, "/index.html").await;
        assert!(
            page.contains("text/html") && page.ends_with("<h1>shop</h1>"),
            "{page}"
        );
        assert!(http_get(&shown, "/none").await.starts_with("HTTP/1.1 404"));
        let address = shown.address();
        shown.stop().await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}

pub async fn two_demos_may_use_the_same_port(backend: SandboxBackend) {
    let projects = [
        SandboxProject::new(backend).await,
        SandboxProject::new(backend).await,
    ];
    let mut shown = Vec::new();
    for (index, project) in projects.iter().enumerate() {
        fs::write(project.path("index.html"), format!("demo {index}")).unwrap();
        project.chown_to_agent();
        let started = PreviewServer::start(
            &project.sandbox,
            preview_spec(project, command_source(SERVER)),
        )
        .await;
        shown.push(started.unwrap());
    }
    for (index, preview) in shown.iter_mut().enumerate() {
        preview.wait_until_healthy("/", LONG).await.unwrap();
        assert!(
            http_get(preview, "/")
                .await
                .ends_with(&format!("demo {index}"))
        );
    }
}

pub async fn a_server_that_exits_is_reported_with_its_output(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let source = command_source("echo no module named shop; exit 3");
    let mut shown = PreviewServer::start(&project.sandbox, preview_spec(&project, source))
        .await
        .unwrap();
    let error = shown.wait_until_healthy("/", LONG).await.unwrap_err();
    assert!(matches!(error, PreviewError::Ended { .. }), "{error}");
    assert!(
        error.to_string().contains("no module named shop"),
        "{error}"
    );
}

pub async fn a_server_that_is_silent_or_answers_404_is_unhealthy(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let source = command_source("echo listening nowhere; sleep 1000");
    let mut shown = PreviewServer::start(&project.sandbox, preview_spec(&project, source))
        .await
        .unwrap();
    crate::fixtures::sandbox_project::wait_until("the server writes output", || {
        !shown.output().is_empty()
    })
    .await;
    let error = shown
        .wait_until_healthy("/x", SHORT)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/x did not answer") && error.contains("listening nowhere"),
        "{error}"
    );

    fs::write(project.path("index.html"), "home").unwrap();
    project.chown_to_agent();
    let source = command_source(SERVER);
    let mut shown = PreviewServer::start(&project.sandbox, preview_spec(&project, source))
        .await
        .unwrap();
    shown.wait_until_healthy("/", LONG).await.unwrap();
    // On a busy machine an answer may take longer than the timeout.
    let begun = Instant::now();
    loop {
        let error = shown
            .wait_until_healthy("/none", SHORT)
            .await
            .unwrap_err()
            .to_string();
        if begun.elapsed() > LONG || error.contains("status") {
            assert!(error.contains("status 404"), "{error}");
            break;
        }
    }
}

pub async fn a_server_that_fills_the_disk_is_ended(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let mut wanted = preview_spec(
        &project,
        command_source("head -c 8M /dev/zero > x; exec sleep 1000"),
    );
    wanted.spec.disk_bytes = 4 << 20;
    let mut shown = PreviewServer::start(&project.sandbox, wanted)
        .await
        .unwrap();
    let ended = tokio::time::timeout(LONG, shown.wait()).await.unwrap();
    ended.unwrap();
    let output = shown.output();
    assert!(
        output.contains("the preview was ended: it used"),
        "{output}"
    );
}

pub async fn a_port_in_use_is_reported(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut spec = preview_spec(&project, command_source("true"));
    spec.listen = taken.local_addr().unwrap().port();
    let error = PreviewServer::start(&project.sandbox, spec)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("choose another port"), "{error}");
}

/// A hostile server replaces its socket by a link to a socket of the host.
pub async fn a_link_to_another_socket_is_not_followed(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let other = project.dir.path().join("other.sock");
    let listener = UnixListener::bind(&other).unwrap();
    listener.set_nonblocking(true).unwrap();
    let shown = PreviewServer::start(
        &project.sandbox,
        preview_spec(&project, command_source("sleep 1000")),
    )
    .await
    .unwrap();
    let web = project.dirs.door.join("web.sock");
    crate::fixtures::sandbox_project::wait_until("the door is open", || web.exists()).await;
    fs::remove_file(&web).unwrap();
    symlink(&other, &web).unwrap();
    let mut stream = TcpStream::connect(shown.address()).await.unwrap();
    let mut nothing = Vec::new();
    assert_eq!(stream.read_to_end(&mut nothing).await.unwrap(), 0);
    // The client's connection is closed, so a connection to the other socket would be in its queue
    // by now.
    let connected = listener.accept().map_err(|error| error.kind());
    assert_eq!(
        connected.unwrap_err(),
        ErrorKind::WouldBlock,
        "the relay connected to the other socket"
    );
}

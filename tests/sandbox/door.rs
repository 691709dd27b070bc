//! The door: the only way out of an agent's sandbox.

use std::fs;
use std::path::Path;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::PROXY_LOGIN;
use eklavya_sandbox::{ProgramSpec, SandboxProfile, SandboxSpec, chown_socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

/// Answers every request with `body`.
fn serve_gateway(project: &SandboxProject, body: &'static str) -> JoinHandle<()> {
    let socket = project.dirs.door.join("gateway.sock");
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    chown_socket(&socket, project.user).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            assert!(request.starts_with(b"GET /v1 HTTP/1.1\r\n"));
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
}

fn agent_spec(project: &SandboxProject) -> SandboxSpec {
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.door = Some(project.dirs.door.clone());
    spec
}

const ASK: &str = r#"bash -c '
    authority=${ANTHROPIC_BASE_URL#http://}
    exec 3<>/dev/tcp/${authority%:*}/${authority#*:}
    printf "GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" >&3
    cat <&3'"#;

pub async fn a_request_passes_through_the_door_and_its_answer_returns(backend: SandboxBackend) {
    for project in [
        SandboxProject::new(backend).await,
        SandboxProject::unprotected().await,
    ] {
        let _gateway = serve_gateway(&project, "hello");
        let answer = project.run(&agent_spec(&project), ASK).await;
        assert!(
            answer.output.starts_with("HTTP/1.1 200 OK") && answer.output.ends_with("hello"),
            "{answer:?}"
        );
    }
}

/// Programs get the proxy at the door, but not the variable with its login.
pub async fn programs_get_the_proxy_url_with_its_login(backend: SandboxBackend) {
    for project in [
        SandboxProject::new(backend).await,
        SandboxProject::unprotected().await,
    ] {
        let _gateway = serve_gateway(&project, "hello");
        let inner = ProgramSpec::new("/usr/bin/env", [""; 0]).env(PROXY_LOGIN, "agent:word");
        let (_, output) = project
            .run_program(&agent_spec(&project), inner)
            .await
            .unwrap();
        assert!(
            output.contains("_proxy=http://agent:word@127.0.0.1:"),
            "{output}"
        );
        assert!(!output.contains(PROXY_LOGIN), "{output}");
    }
}

pub async fn a_restarted_gateway_is_reached_through_the_same_door(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let first = serve_gateway(&project, "first");
    let line = format!("{ASK}; touch asked; while [ ! -e go ]; do sleep 0.05; done; {ASK}");
    let (marker, go) = (project.path("asked"), project.path("go"));
    let spec = agent_spec(&project);
    let restart = async {
        crate::fixtures::sandbox_project::wait_until("the first request has an answer", || {
            marker.exists()
        })
        .await;
        first.abort();
        let _ = first.await;
        let _runs_on = serve_gateway(&project, "second");
        fs::write(&go, "").unwrap();
    };
    let (answer, ()) = tokio::join!(project.run(&spec, &line), restart);
    assert!(
        answer.output.contains("first") && answer.output.ends_with("second"),
        "{answer:?}"
    );
}

pub async fn an_agent_cannot_change_the_directory_of_its_door(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let _gateway = serve_gateway(&project, "hello");
    let door = project.dirs.door.display();
    let tried = project
        .run(
            &agent_spec(&project),
            &format!("rm {door}/gateway.sock; touch {door}/x"),
        )
        .await;
    assert_eq!(
        tried.output.matches("Read-only file system").count(),
        2,
        "{tried:?}"
    );
    assert!(Path::new(&project.dirs.door).join("gateway.sock").exists());
}

pub async fn a_sandbox_without_a_door_gets_no_model_address(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let seen = project.run(&spec, "echo [$ANTHROPIC_BASE_URL]").await;
    assert_eq!(seen.output, "[]\n");
}

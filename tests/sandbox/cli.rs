//! The real Claude Code CLI inside.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use eklavya::domain::role::Role;
use eklavya::sandbox::policy::policy;
use eklavya::sandbox::{Inner, Profile, Spec, share_socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::claude::claude;
use crate::support::Project;

fn agent(project: &Project, role: Role, claude: &Path) -> Spec {
    let mut spec = project.spec(Profile::Agent(role));
    spec.tool_binaries.push(claude.to_owned());
    spec.door = Some(project.dirs.door.clone());
    spec
}

#[tokio::test]
async fn the_cli_starts_with_and_without_a_shell() {
    let claude = claude();
    let project = Project::new().await;
    for role in [Role::Architect, Role::Developer] {
        let spec = agent(&project, role, &claude);
        let (exit, said) = project
            .inner(&spec, Inner::new(&claude, ["--version"]))
            .await
            .unwrap();
        assert!(
            exit.is_success() && said.contains("Claude Code"),
            "{role}: {said}"
        );
    }
}

/// What a model says: one call of a tool, then, once it has the result, a word.
fn answer(request: &str) -> String {
    let (block, stop) = if request.contains("tool_result") {
        (r#"{"type":"text","text":""}"#, "end_turn")
    } else {
        (
            r#"{"type":"tool_use","id":"toolu_1","name":"Grep","input":{}}"#,
            "tool_use",
        )
    };
    let delta = if stop == "end_turn" {
        r#"{"type":"text_delta","text":"done"}"#
    } else {
        r#"{"type":"input_json_delta","partial_json":"{\"pattern\":\"needle\",\"output_mode\":\"content\"}"}"#
    };
    let events = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}"#.to_owned(),
        format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#),
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#),
        r#"{"type":"content_block_stop","index":0}"#.to_owned(),
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}","stop_sequence":null}},"usage":{{"output_tokens":1}}}}"#),
        r#"{"type":"message_stop"}"#.to_owned(),
    ];
    let mut stream = String::new();
    for event in events {
        let name = event.split('"').nth(3).unwrap();
        write!(stream, "event: {name}\ndata: {event}\n\n").unwrap();
    }
    stream
}

async fn serve(mut stream: UnixStream) {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_ascii_lowercase();
        let length = length
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let answer = answer(body);
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
        return;
    }
}

#[tokio::test]
async fn the_cli_works_through_the_door_and_searches_without_a_shell() {
    let claude = claude();
    let project = Project::new().await;
    fs::write(project.path("src/hay"), "a needle in here\n").unwrap();
    project.own();
    let socket = project.dirs.door.join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    share_socket(&socket, project.user).unwrap();
    let _server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let tools = policy(Role::Architect).tools().join(",");
    let inner = Inner::new(
        &claude,
        [
            "-p",
            "look",
            "--output-format",
            "stream-json",
            "--verbose",
            "--restricted",
            "--setting-sources",
            "",
            "--strict-mcp-config",
            "--permission-mode",
            "dontAsk",
            "--tools",
            &tools,
        ],
    )
    .env("ANTHROPIC_API_KEY", "sk-ant-none")
    .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
    .env("CLAUDE_CODE_TMPDIR", &project.dirs.tmp);
    let spec = agent(&project, Role::Architect, &claude);
    let (exit, said) = project.inner(&spec, inner).await.unwrap();
    assert!(exit.is_success(), "{said}");
    assert!(
        said.contains("a needle in here") && said.contains(r#""result":"done""#),
        "{said}"
    );
    // The conversation is kept for the next run.
    assert!(project.dirs.home.join(".claude/projects").is_dir());
}

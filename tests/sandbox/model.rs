//! A model behind the door of a sandbox: it makes some calls of tools, all at once, and has done.

use std::path::Path;
use std::sync::Arc;

use eklavya_claude::cli::invocation::SHELL;
use eklavya_gateway::rehearsal::message::RehearsedMessage;
use eklavya_sandbox::{ProgramSpec, chown_socket};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::sandbox_project::SandboxProject;

/// The last word.
pub const DONE: &str = "done";

/// A call of a tool: its name and its arguments.
pub type ModelToolCall = (&'static str, Value);

/// Returns the id of the call with this number.
pub fn id_of(number: usize) -> String {
    format!("toolu_{number}")
}

/// Listens at the door of a project for a CLI, as long as what it returns is kept.
pub fn serve_model(project: &SandboxProject, calls: Vec<ModelToolCall>) -> FakeModel {
    let socket = project.dirs.door.join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    chown_socket(&socket, project.user).unwrap();
    let calls = Arc::new(calls);
    FakeModel(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&calls)));
        }
    }))
}

/// A model that listens.
pub struct FakeModel(JoinHandle<()>);

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns a session of the CLI in a project, with these tools and these further flags.
pub fn cli_session(
    project: &SandboxProject,
    claude: &Path,
    tools: &str,
    flags: &[&str],
) -> ProgramSpec {
    let fixed = [
        "-p",
        "look",
        "--output-format",
        "stream-json",
        "--verbose",
        "--setting-sources",
        "",
        "--strict-mcp-config",
        "--tools",
        tools,
    ];
    ProgramSpec::new(claude, fixed.iter().chain(flags))
        .env("ANTHROPIC_API_KEY", "sk-ant-none")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("CLAUDE_CODE_TMPDIR", &project.dirs.tmp)
        // As in the product; without it the CLI uses zsh if zsh is installed.
        .env(SHELL.0, SHELL.1)
}

/// Returns what came of the call with this number, by the CLI's stream: whether it is called an
/// error, and its text.
pub fn result_of(output: &str, number: usize) -> Option<(bool, String)> {
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .flat_map(|line: Value| {
            line["message"]["content"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .find(|block| block["type"] == "tool_result" && block["tool_use_id"] == id_of(number))
        .map(|block| (block["is_error"] == true, block["content"].to_string()))
}

fn next_message(request: &str, calls: &[ModelToolCall]) -> RehearsedMessage {
    if request.contains("tool_result") || calls.is_empty() {
        return RehearsedMessage::from_text("m", DONE);
    }
    let block = |(number, (name, input)): (usize, &ModelToolCall)| json!({ "type": "tool_use", "id": id_of(number), "name": name, "input": input });
    RehearsedMessage {
        blocks: calls.iter().enumerate().map(block).collect(),
        stop_reason: "tool_use",
        ..RehearsedMessage::from_text("m", "")
    }
}

async fn serve(mut stream: UnixStream, calls: Arc<Vec<ModelToolCall>>) {
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
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        let events = next_message(body, &calls).to_events().concat();
        let _ = stream.write_all(&[head.as_bytes(), &events].concat()).await;
        return;
    }
}

//! Rehearsals played to the real Claude Code CLI.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::process::Command;

use crate::tests::fixture::{GatewayFixture, GatewayFixtureSpec};
use eklavya_core::money::MicroUsd;
use eklavya_core::process::{self, ProcessLimits};

#[expect(
    clippy::disallowed_methods,
    reason = "the environment tells tests where the CLI is"
)]
fn find_installed_cli() -> PathBuf {
    let named = std::env::var_os("EKLAVYA_CLAUDE_PATH").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .map(|dir| dir.join("claude"))
            .find(|f| f.is_file())
    };
    named.or_else(on_path).expect(
        "this test needs the Claude Code CLI: put `claude` on PATH or set EKLAVYA_CLAUDE_PATH",
    )
}

const SESSION: &str = "11111111-2222-4333-8444-555555555555";

fn cli_command(fixture: &GatewayFixture, tools: &str, allowed: &str) -> Command {
    let home = fixture.ledger.dir.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = process::new_command(find_installed_cli());
    command
        .current_dir(&fixture.spec.variables["clone"])
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("CLAUDE_CODE_TMPDIR", &home)
        .env("PATH", "/usr/bin:/bin")
        // As in the product; without it the CLI uses zsh if zsh is installed.
        .env("SHELL", "/bin/bash")
        .env("IS_SANDBOX", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1")
        .env("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1")
        .env("ANTHROPIC_UNIX_SOCKET", fixture.door.socket())
        .env("ANTHROPIC_BASE_URL", "http://gateway")
        .env("ANTHROPIC_API_KEY", fixture.door.token().expose_secret())
        .args([
            "-p",
            "Do it.",
            "--output-format",
            "json",
            "--permission-mode",
            "dontAsk",
        ])
        .args([
            "--strict-mcp-config",
            "--setting-sources",
            "",
            "--restricted",
        ])
        .args([
            "--model",
            "claude-sonnet-5-5",
            "--tools",
            tools,
            "--allowedTools",
            allowed,
        ]);
    command
}

async fn run_cli(command: Command) -> Value {
    let limits = ProcessLimits {
        timeout: Duration::from_mins(2),
        output_bytes: 1 << 20,
    };
    let finished = process::run(command, b"", limits).await.unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "{error}: {text} {}",
            String::from_utf8_lossy(&finished.stderr)
        )
    })
}

fn script_text(steps: &str) -> String {
    format!("rehearsal: 1\nagents:\n  - role: developer\n    steps:\n{steps}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_cli_writes_a_file_and_returns_its_result() {
    let fixture = GatewayFixtureSpec::script(&script_text(
        r#"
      - text: I write the page.
        tools:
          - name: Write
            input: { file_path: "{{ clone }}/index.html", content: "<h1>{{ slug }}</h1>\n" }
        usage: { input: 1200, output: 60, cacheWrite5m: 300 }
      - error: { status: 429, message: slow down, retryAfter: 0 }
        text: All done.
        usage: { input: 20, output: 5, cacheRead: 1500 }
      - structured: { pages: 1 }
        usage: { input: 30, output: 9, cacheRead: 1500 }
"#,
    ))
    .open()
    .await;
    let schema =
        r#"{"type":"object","properties":{"pages":{"type":"integer"}},"required":["pages"]}"#;
    let mut command = cli_command(&fixture, "Read,Write,Edit", "Edit(./**)");
    command.args(["--json-schema", schema]);
    let result = run_cli(command).await;
    assert_eq!(result["is_error"], false, "{result}");
    assert_eq!(result["structured_output"]["pages"], 1);
    let page = PathBuf::from(&fixture.spec.variables["clone"]).join("index.html");
    assert_eq!(std::fs::read_to_string(page).unwrap(), "<h1>shop</h1>\n");
    let total = fixture.settled_cost().await;
    assert_eq!((total.requests, total.upper_bounds), (3, 0));
    // The CLI's own sum is in dollars, in floating point and not rounded up per request.
    let said = result["total_cost_usd"].as_f64().unwrap() * 1e6;
    let booked: f64 = f64::from(i32::try_from(total.spent.0).unwrap());
    assert!(
        booked >= said - 0.5 && booked <= said + 3.0,
        "{booked} {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_budget_ends_the_real_cli_at_once() {
    let fixture = GatewayFixtureSpec::script(&script_text(
        r#"
      - tools: [{ name: Read, input: { file_path: "{{ clone }}/a" } }]
        usage: { input: 1, output: 128000 }
      - text: never
"#,
    ))
    .budget(1_020_000)
    .open()
    .await;
    let result = run_cli(cli_command(&fixture, "Read", "Read")).await;
    assert_eq!(
        (&result["is_error"], &result["api_error_status"]),
        (&true.into(), &402.into())
    );
    let said = result["result"].as_str().unwrap();
    assert!(said.contains("eklavya budget set shop --limit N"), "{said}");
    let total = fixture.settled_cost().await;
    assert_eq!(total.requests, 1);
    assert!(total.spent <= MicroUsd(1_020_000), "{}", total.spent);
}

/// A killed CLI may have run a tool call without recording its result. The resumed CLI reports such
/// a call as interrupted, and the step is played again.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cli_resumes_at_the_interrupted_step() {
    let script = script_text(
        r#"
      - tools: [{ name: Bash, input: { command: "echo one >> log" } }]
      - tools: [{ name: Bash, input: { command: "echo two >> log; test -e once || { touch once; until test -e stop; do sleep 0.1; done; }" } }]
      - text: The end.
"#,
    );
    let fixture = GatewayFixtureSpec::script(&script).open().await;
    let clone = PathBuf::from(&fixture.spec.variables["clone"]);
    let mut first = cli_command(&fixture, "Bash", "Bash");
    first.args(["--session-id", SESSION]);
    let mut child = first.stdout(std::process::Stdio::null()).spawn().unwrap();
    while !clone.join("once").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the CLI ended too early"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().await.unwrap();
    fixture.settled_cost().await;
    // Commands of a killed CLI keep running outside a sandbox.
    std::fs::write(clone.join("stop"), "").unwrap();

    let mut second = cli_command(&fixture, "Bash", "Bash");
    second.args(["--resume", SESSION]);
    let result = run_cli(second).await;
    assert_eq!(result["result"], "The end.", "{result}");
    let log = std::fs::read_to_string(clone.join("log")).unwrap();
    assert!(
        log.ends_with("two\n") && log.matches("two").count() == 2,
        "{log}"
    );
}

//! The command line and the environment of one run of the Claude Code CLI.
//!
//! Nothing is inherited and no setting is left to its default: `--restricted`, an empty
//! `--setting-sources` and `--strict-mcp-config` keep out a repository's own settings, hooks and
//! servers (which could redirect model requests or run code), and `dontAsk` denies whatever is not
//! allowed, without a prompt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::mcp::SERVER_NAME;
use eklavya_core::ids::SessionId;

/// How long the CLI waits for response headers, in milliseconds: one hour. The gateway enforces the
/// timeouts, and it holds requests back during a rate limit.
const API_TIMEOUT_MS: &str = "3600000";
/// How long the CLI waits for the next byte of a response, in milliseconds: its maximum, thirty
/// minutes.
const BYTE_IDLE_TIMEOUT_MS: &str = "1800000";
/// How long the CLI waits for one of our tools, in milliseconds: one hour.
const TOOL_TIMEOUT_MS: &str = "3600000";
/// How often the CLI retries a failed request; the gateway has already retried it.
const MAX_RETRIES: &str = "3";
/// Default time limit of a shell command, in milliseconds.
const BASH_DEFAULT_TIMEOUT_MS: &str = "300000";
/// The longest time limit that the model may request, in milliseconds. The silence limit
/// ([`SessionSpec::silence_limit`](crate::session::SessionSpec::silence_limit)) should be longer.
pub const BASH_MAX_TIMEOUT_MS: u64 = 900_000;

/// The variable that selects the shell of the CLI's Bash tool, and its value. Without it the CLI uses
/// zsh if zsh is installed, so the same command would mean different things on different machines.
/// If the file does not exist, the CLI looks for another shell.
pub const SHELL: (&str, &str) = ("SHELL", "/bin/bash");
/// The arguments that are the same for every agent.
const FIXED_ARGUMENTS: [&str; 8] = [
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--restricted",
    "--setting-sources=",
    "--strict-mcp-config",
    "--permission-mode=dontAsk",
];
/// The variables that are the same for every agent.
const FIXED_VARIABLES: [(&str, &str); 10] = [
    ("LANG", "C.UTF-8"),
    SHELL,
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", MAX_RETRIES),
    ("API_TIMEOUT_MS", API_TIMEOUT_MS),
    ("CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS", BYTE_IDLE_TIMEOUT_MS),
    ("MCP_TOOL_TIMEOUT", TOOL_TIMEOUT_MS),
    ("BASH_DEFAULT_TIMEOUT_MS", BASH_DEFAULT_TIMEOUT_MS),
];

/// Whether the conversation is new or resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationStart {
    /// A new one with this id; fails if the id was used before.
    New(SessionId),
    /// Resumes the conversation that the CLI recorded under this id in the same home.
    Resume(SessionId),
}

impl ConversationStart {
    pub fn id(self) -> SessionId {
        match self {
            ConversationStart::New(id) | ConversationStart::Resume(id) => id,
        }
    }
}

/// How the agent is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CliIsolation {
    /// The CLI runs in a sandbox as an unprivileged user.
    Sandbox,
    /// The CLI runs on the host directly. As root, it needs a variable that confirms this.
    None,
}

/// The parameters of one run.
#[derive(Debug, Clone)]
pub struct ClaudeCommandSpec {
    /// The CLI's native executable, see [`super::locate`].
    pub program: PathBuf,
    /// The agent's clone: its working directory.
    pub workspace: PathBuf,
    /// The agent's home; the CLI records conversations in it.
    pub home: PathBuf,
    /// The agent's directory for temporary files.
    pub tmp: PathBuf,
    /// The agent's `PATH`.
    pub path: String,
    /// The token of this agent's own gateway socket; useless elsewhere.
    pub token: String,
    /// The model, e.g. `claude-sonnet-5-5`; if absent, the CLI's default.
    pub model: Option<String>,
    /// The CLI's own tools that are offered to the role, e.g. `Read`; may be empty.
    pub tools: Vec<String>,
    /// Permission rules that allow, e.g. `Edit(docs/**)` or `Bash`.
    pub allowed: Vec<String>,
    /// Permission rules that deny; they take precedence over those that allow.
    pub denied: Vec<String>,
    /// Whether the orchestrator's own tools are offered (all of them are allowed).
    pub orchestrator_tools: bool,
    /// The JSON schema of the result, if the task has one.
    pub schema: Option<Value>,
    pub conversation: ConversationStart,
    /// Upper bound on the model's responses in this run.
    pub max_turns: Option<u32>,
    /// Upper bound on the tokens of one response; if absent, the CLI's default.
    pub max_output_tokens: Option<u32>,
    /// The role's instructions, appended to the CLI's system prompt.
    pub instructions: String,
    pub isolation: CliIsolation,
    /// More environment variables, e.g. the proxy of the agent's network class; they override ours.
    pub extra_env: BTreeMap<String, String>,
}

/// A program with its arguments, its whole environment and its working directory.
///
/// `ANTHROPIC_BASE_URL` is missing on purpose: `eklavya sandbox-init` sets it, since only it knows
/// the port of the gateway in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeCommand {
    pub program: PathBuf,
    /// The arguments, without the program.
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: PathBuf,
}

impl ClaudeCommandSpec {
    pub fn build(&self) -> ClaudeCommand {
        ClaudeCommand {
            program: self.program.clone(),
            args: self.build_args(),
            env: self.build_env(),
            cwd: self.workspace.clone(),
        }
    }

    // Every value is joined to its flag by `=`: some flags are variadic and would take following
    // arguments, and a value that begins with a dash would be parsed as a flag.
    fn build_args(&self) -> Vec<String> {
        let mut args: Vec<String> = FIXED_ARGUMENTS.map(str::to_owned).to_vec();
        args.extend(self.build_tool_args());
        args.extend(
            self.schema
                .as_ref()
                .map(|schema| format!("--json-schema={schema}")),
        );
        args.push(match self.conversation {
            ConversationStart::New(id) => format!("--session-id={id}"),
            ConversationStart::Resume(id) => format!("--resume={id}"),
        });
        args.extend(self.model.as_ref().map(|model| format!("--model={model}")));
        args.extend(self.max_turns.map(|turns| format!("--max-turns={turns}")));
        args.push(format!("--append-system-prompt={}", self.instructions));
        args
    }

    fn allowed_rules(&self) -> Vec<String> {
        let mut allowed = self.allowed.clone();
        if self.orchestrator_tools {
            allowed.push(format!("mcp__{SERVER_NAME}"));
        }
        allowed
    }

    fn build_tool_args(&self) -> Vec<String> {
        let mut args = vec![format!("--tools={}", self.tools.join(","))];
        let allowed = self.allowed_rules();
        if !allowed.is_empty() {
            args.push(format!("--allowedTools={}", allowed.join(",")));
        }
        if !self.denied.is_empty() {
            args.push(format!("--disallowedTools={}", self.denied.join(",")));
        }
        if self.orchestrator_tools {
            args.push(format!("--mcp-config={}", mcp_config()));
        }
        args
    }

    fn build_env(&self) -> BTreeMap<String, String> {
        let tmp = self.tmp.to_string_lossy().into_owned();
        let own = [
            ("HOME", self.home.to_string_lossy().into_owned()),
            ("PATH", self.path.clone()),
            ("TMPDIR", tmp.clone()),
            ("CLAUDE_CODE_TMPDIR", tmp),
            ("ANTHROPIC_API_KEY", self.token.clone()),
            ("BASH_MAX_TIMEOUT_MS", BASH_MAX_TIMEOUT_MS.to_string()),
        ];
        let fixed = FIXED_VARIABLES.map(|(name, value)| (name, value.to_owned()));
        let mut env: BTreeMap<String, String> = own
            .into_iter()
            .chain(fixed)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if let Some(tokens) = self.max_output_tokens {
            let name = "CLAUDE_CODE_MAX_OUTPUT_TOKENS".to_owned();
            env.insert(name, tokens.to_string());
        }
        if self.isolation == CliIsolation::None {
            env.insert("IS_SANDBOX".to_owned(), "1".to_owned());
        }
        env.extend(self.extra_env.clone());
        env
    }
}

/// Returns the server list, in which the orchestrator is the agent's only MCP server.
fn mcp_config() -> Value {
    json!({"mcpServers": {SERVER_NAME: {"type": "sdk", "name": SERVER_NAME}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ClaudeCommandSpec {
        ClaudeCommandSpec {
            program: "/opt/claude/claude".into(),
            workspace: "/data/work/1/clone".into(),
            home: "/data/work/1/home".into(),
            tmp: "/data/work/1/tmp".into(),
            path: "/usr/bin:/bin".into(),
            token: "agent-token".into(),
            model: Some("claude-sonnet-5-5".into()),
            tools: ["Read", "Edit", "Write"].map(str::to_owned).to_vec(),
            allowed: vec!["Edit(docs/**)".into()],
            denied: vec!["Bash(ps *)".into()],
            orchestrator_tools: true,
            schema: Some(json!({"type": "object"})),
            conversation: ConversationStart::New(SessionId(uuid::Uuid::from_u128(7))),
            max_turns: Some(40),
            max_output_tokens: Some(32_000),
            instructions: "--You are\nan Architect.".into(),
            isolation: CliIsolation::Sandbox,
            extra_env: BTreeMap::from([("HTTPS_PROXY".into(), "http://127.0.0.1:1".into())]),
        }
    }

    #[test]
    fn a_full_spec_sets_every_argument_and_variable() {
        insta::assert_debug_snapshot!(spec().build());
    }

    #[test]
    fn unset_options_are_omitted() {
        let spec = ClaudeCommandSpec {
            model: None,
            tools: Vec::new(),
            allowed: Vec::new(),
            denied: Vec::new(),
            orchestrator_tools: false,
            schema: None,
            conversation: ConversationStart::Resume(SessionId(uuid::Uuid::from_u128(7))),
            max_turns: None,
            max_output_tokens: None,
            isolation: CliIsolation::None,
            extra_env: BTreeMap::new(),
            ..spec()
        };
        insta::assert_debug_snapshot!(spec.build());
    }
}

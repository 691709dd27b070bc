//! One session of the CLI with the arguments of the product, but without a sandbox, a gateway and a
//! transcript.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use eklavya_claude::cli::invocation::{
    ClaudeCommand, ClaudeCommandSpec, CliIsolation, ConversationStart,
};
use eklavya_claude::schema;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::SessionId;
use eklavya_core::process;
use eklavya_sandbox::role_policy::role_policy;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{BenchError, SEARCH_PATH};

/// The settings of a session.
#[derive(Debug, Clone)]
pub struct CliSession {
    /// The CLI.
    pub program: PathBuf,
    /// The role of the agent.
    pub role: Role,
    /// The working directory.
    pub clone: PathBuf,
    /// The directory of the session's home and temporary files.
    pub own: PathBuf,
    /// The model's endpoint.
    pub url: String,
}

impl CliSession {
    /// Returns the command line and environment of the CLI.
    pub fn invocation(&self) -> Result<ClaudeCommand, BenchError> {
        let (home, tmp) = (self.own.join("home"), self.own.join("tmp"));
        std::fs::create_dir_all(&home)?;
        std::fs::create_dir_all(&tmp)?;
        Ok(self.spec(home, tmp)?.build())
    }

    /// Runs the session to its end, which must be a success.
    pub async fn run(&self) -> Result<(), BenchError> {
        let invocation = self.invocation()?;
        // A separate kernel session, like that of a sandbox: if the scheduler shares the processor
        // by sessions (sched_autogroup), bare sessions would otherwise get less than the product's.
        let mut command = process::new_command("/usr/bin/setsid");
        command
            .arg(&invocation.program)
            .args(&invocation.args)
            .envs(&invocation.env)
            .env("ANTHROPIC_BASE_URL", &self.url)
            .current_dir(&invocation.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (stdin, stdout) = stdin.zip(stdout).ok_or("a pipe is missing")?;
        let result = self.exchange_messages(stdin, stdout).await?;
        let exit = child.wait().await?;
        if exit.success() {
            result
        } else {
            Err(format!("the CLI ended with {exit}").into())
        }
    }

    /// Sends the task and reads the output to the end; returns whether the session succeeded.
    pub async fn exchange_messages(
        &self,
        mut stdin: impl AsyncWrite + Unpin,
        mut stdout: impl AsyncRead + Unpin,
    ) -> Result<Result<(), BenchError>, BenchError> {
        stdin.write_all(prompt(self.role).as_bytes()).await?;
        // The CLI finishes its input and exits.
        drop(stdin);
        let mut output = String::new();
        stdout.read_to_string(&mut output).await?;
        let result = output
            .lines()
            .rev()
            .find(|line| line.contains("\"type\":\"result\""));
        let result: Value = serde_json::from_str(result.unwrap_or("null"))?;
        Ok(if result["is_error"] == false {
            Ok(())
        } else {
            let role = self.role;
            Err(format!("the session of the {role} failed: {result}").into())
        })
    }

    fn spec(&self, home: PathBuf, tmp: PathBuf) -> Result<ClaudeCommandSpec, BenchError> {
        let role = role_policy(self.role);
        let mut tools: Vec<String> = role.tools().into_iter().map(str::to_owned).collect();
        let mut allowed = role.allowed_tools();
        if !role.has_shell() {
            // A shell replaces the product's tools for agents without a shell.
            tools.push("Bash".to_owned());
            allowed.push("Bash".to_owned());
        }
        Ok(ClaudeCommandSpec {
            program: self.program.clone(),
            workspace: self.clone.clone(),
            home,
            tmp,
            path: SEARCH_PATH.to_owned(),
            token: "bench".to_owned(),
            model: Some("claude-sonnet-5-5".to_owned()),
            tools,
            allowed,
            denied: Vec::new(),
            orchestrator_tools: false,
            schema: match self.role {
                Role::Architect => Some(schema::plan_schema().clone()),
                Role::Qa | Role::Uat => Some(schema::verdict_schema().clone()),
                _ => None,
            },
            conversation: ConversationStart::New(SessionId::random()),
            max_turns: None,
            max_output_tokens: None,
            instructions: instructions(self.role)?,
            isolation: CliIsolation::None,
            extra_env: BTreeMap::new(),
        })
    }
}

/// Returns the template of the role's instructions, which has about the size of the final text.
fn instructions(role: Role) -> Result<String, BenchError> {
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/roles");
    Ok(std::fs::read_to_string(roles.join(format!("{role}.md")))?)
}

fn prompt(role: Role) -> String {
    let text = format!("You are the {role}. Do what the role's instructions say.");
    let message = json!({ "role": "user", "content": [{ "type": "text", "text": text }] });
    format!("{}\n", json!({ "type": "user", "message": message }))
}

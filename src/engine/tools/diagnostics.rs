//! The tool of a role whose terminal is for diagnostics: runs one of them.

use std::path::Path;
use std::sync::Weak;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::parse_arguments;
use super::test_command::outcome_json;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::collect;
use crate::workspace::command::{self, SandboxedCommand};
use eklavya_claude::mcp::{ToolDescription, ToolReply, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::audit::AuditActor;
use eklavya_core::plan::diagnostics::{BUILT_IN, BuiltInDiagnostic, PlannedDiagnostic};
use eklavya_core::task::Task;
use eklavya_git::remove_tree;
use eklavya_sandbox::{
    CommandOutcome, MountAccess, ProgramSpec, SandboxProfile, SandboxSpec, WorkspaceDirs,
    run_program,
};
use eklavya_services::audit;

const RUN_DIAGNOSTIC: &str = "run_diagnostic";

/// Runs a diagnostic on the agent's files.
pub(super) struct DiagnosticTool {
    /// Dropped when the run ends.
    pub site: Weak<Site>,
    pub agent: Agent,
    pub task: Task,
    /// The diagnostics of the plan, in addition to the built-in ones.
    pub own: Vec<PlannedDiagnostic>,
}

/// The arguments of [`RUN_DIAGNOSTIC`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunDiagnosticArguments {
    name: String,
}

impl DiagnosticTool {
    fn diagnostic_names(&self) -> Vec<&str> {
        let built_in = BUILT_IN.iter().map(|diagnostic| diagnostic.name);
        let own = self.own.iter().map(|diagnostic| diagnostic.name.as_str());
        built_in.chain(own).collect()
    }

    async fn run_diagnostic(
        &self,
        site: &Site,
        name: &str,
    ) -> Result<Option<ToolReply>, EngineError> {
        let own = self.own.iter().find(|diagnostic| diagnostic.name == name);
        let (command, outcome) = if let Some(diagnostic) = own {
            let files = collect::snapshot_files(site, &self.agent, &self.task).await?;
            let sandboxed = SandboxedCommand::new(&diagnostic.command);
            let outcome = command::run_on_commit(site, &files.commit, &sandboxed).await?;
            (diagnostic.command.clone(), outcome)
        } else if let Some(diagnostic) = BUILT_IN.iter().find(|built_in| built_in.name == name) {
            let outcome = self.run_built_in(site, diagnostic).await?;
            (diagnostic.argv.join(" "), outcome)
        } else {
            return Ok(None);
        };
        let mut reply = outcome_json(&outcome);
        reply["diagnostic"] = json!(name);
        reply["command"] = json!(command);
        Ok(Some(ToolReply::ok(reply.to_string())))
    }

    /// Runs a built-in diagnostic on the agent's clone, with its history, mounted read-only.
    async fn run_built_in(
        &self,
        site: &Site,
        diagnostic: &BuiltInDiagnostic,
    ) -> Result<CommandOutcome, EngineError> {
        let root = site.paths.scratch().join(Uuid::new_v4().to_string());
        let spec = self.sandbox_spec(site, &root)?;
        let (program, limits) = (diagnostic_program(diagnostic), command::run_limits(site));
        let ran = run_program(&site.sandbox, &spec, program, limits).await;
        remove_tree(&root).await?;
        let outcome = ran?;
        let about = (Some(site.project().id), Some(self.agent.id));
        let details = json!({
            "diagnostic": diagnostic.name, "exit": command::describe_exit(outcome.exit),
        });
        let (data, actor) = (&site.data, &AuditActor::System);
        audit::record(data, actor, about, "diagnostic.run", details).await?;
        Ok(outcome)
    }

    fn sandbox_spec(&self, site: &Site, root: &Path) -> Result<SandboxSpec, EngineError> {
        let own = WorkspaceDirs::below(root);
        own.create(site.user)?;
        let dirs = WorkspaceDirs {
            clone: WorkspaceDirs::below(&site.paths.session(self.agent.session)).clone,
            ..own
        };
        let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Read), &dirs);
        spec.user = site.user;
        spec.tmp_bytes = site.config.sandbox.tmp_bytes;
        // The disk use of the clone is monitored while its agent runs.
        spec.disk_bytes = u64::MAX;
        spec.pid_file = Some(root.join(command::PROCESS_FILE));
        spec.redactor = site.data.redactor().clone();
        Ok(spec)
    }
}

fn diagnostic_program(diagnostic: &BuiltInDiagnostic) -> ProgramSpec {
    let mut env = command::COMMAND_ENVIRONMENT.to_vec();
    env.extend([
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ]);
    let program = ProgramSpec::new("/usr/bin/env", diagnostic.argv.iter().copied());
    env.into_iter()
        .fold(program, |inner, (name, value)| inner.env(name, value))
}

impl ToolServer for DiagnosticTool {
    fn tools(&self) -> Vec<ToolDescription> {
        let built_in = BUILT_IN.iter().map(|d| format!("{}: {}", d.name, d.about));
        let own = self
            .own
            .iter()
            .map(|d| format!("{}: {}", d.name, d.command));
        let list: Vec<String> = built_in.chain(own).collect();
        vec![ToolDescription {
            name: RUN_DIAGNOSTIC.to_owned(),
            description: format!(
                "Runs a diagnostic on your files, in a separate sandbox without network, and \
                 returns its output. The diagnostics are:\n{}",
                list.join("\n")
            ),
            input_schema: json!({
                "type": "object",
                "properties": {"name": {"type": "string", "enum": self.diagnostic_names()}},
                "required": ["name"],
                "additionalProperties": false,
            }),
        }]
    }

    fn call<'a>(&'a self, _: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            let takes = "exactly {\"name\": \"git-log\"}";
            let name = match parse_arguments(RUN_DIAGNOSTIC, takes, arguments) {
                Ok(RunDiagnosticArguments { name }) => name,
                Err(reply) => return reply,
            };
            let Some(site) = self.site.upgrade() else {
                return ToolReply::error("the run is being stopped");
            };
            match self.run_diagnostic(&site, &name).await {
                Ok(Some(reply)) => reply,
                Ok(None) => ToolReply::error(format!(
                    "{name:?} is not a diagnostic; the diagnostics are {}",
                    self.diagnostic_names().join(", ")
                )),
                Err(error) => ToolReply::error(format!("could not run the diagnostic: {error}")),
            }
        })
    }
}

//! Running a command on a commit in a throw-away sandbox, as every merge and check does.

use std::path::Path;

use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::clone;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::secret::{SecretName, SecretUse};
use eklavya_git::remove_tree;
use eklavya_sandbox::{
    CommandOutcome, MountAccess, ProgramSpec, RunLimits, SandboxExit, SandboxProfile, SandboxSpec,
    run_program,
};
use eklavya_services::audit;
use eklavya_services::secrets::environment_variables;

/// The file in a throw-away tree that contains the id of the process running there.
pub(crate) const PROCESS_FILE: &str = "process";
/// Bytes kept of a command's output: enough for the end of a test run.
const OUTPUT_BYTES: usize = 32 * 1024;

#[derive(Debug, Clone, Default)]
pub(crate) struct SandboxedCommand {
    /// A line for `/bin/sh -c`.
    line: String,
    /// Its positional parameters.
    arguments: Vec<String>,
    /// The use whose secrets the command gets.
    secret_use: Option<SecretUse>,
}

impl SandboxedCommand {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            ..Self::default()
        }
    }

    /// Sets the positional parameters (`"$@"`) of the line; no shell interprets them.
    pub(crate) fn with_arguments(self, arguments: Vec<String>) -> Self {
        Self { arguments, ..self }
    }

    /// Passes the secrets for `given` as environment variables; they are redacted in the output.
    pub(crate) fn with_secrets(self, given: SecretUse) -> Self {
        Self {
            secret_use: Some(given),
            ..self
        }
    }

    fn shell_program(&self, secrets: &[(SecretName, SecretString)]) -> ProgramSpec {
        let mut args = vec!["-c", self.line.as_str()];
        if !self.arguments.is_empty() {
            // The first argument is the name of the shell, `$0`.
            args.push("sh");
            args.extend(self.arguments.iter().map(String::as_str));
        }
        let env = COMMAND_ENVIRONMENT.iter().copied();
        env.chain(environment_variables(secrets))
            .fold(ProgramSpec::new("/bin/sh", args), |inner, (name, value)| {
                inner.env(name, value)
            })
    }
}

/// Runs a command on a copy of the tree of `commit`, without network.
pub(crate) async fn run_on_commit(
    site: &Site,
    commit: &CommitId,
    command: &SandboxedCommand,
) -> Result<CommandOutcome, EngineError> {
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let secrets = match command.secret_use {
        Some(given) => site.secrets_for(given).await?,
        None => Vec::new(),
    };
    let outcome = run_in_directory(site, &root, commit, command, &secrets).await;
    remove_tree(&root).await?;
    let outcome = outcome?;
    let mut details = json!({
        "commit": commit, "command": command.line, "exit": describe_exit(outcome.exit),
        "passed": outcome.exit.is_success(),
    });
    if !command.arguments.is_empty() {
        details["arguments"] = json!(command.arguments);
    }
    let about = (Some(site.project().id), None);
    audit::record(&site.data, &AuditActor::System, about, "trial.run", details).await?;
    Ok(outcome)
}

async fn run_in_directory(
    site: &Site,
    root: &Path,
    commit: &CommitId,
    command: &SandboxedCommand,
    secrets: &[(SecretName, SecretString)],
) -> Result<CommandOutcome, EngineError> {
    let dirs = clone::checkout_throwaway(site, root, commit).await?;
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Write), &dirs);
    spec.user = site.user;
    spec.labels = site.container_labels();
    spec.tmp_bytes = site.config.sandbox.tmp_bytes;
    spec.disk_bytes = site.config.sandbox.disk_bytes;
    spec.pid_file = Some(root.join(PROCESS_FILE));
    spec.redactor = site.data.redactor().clone();
    let inner = command.shell_program(secrets);
    Ok(run_program(&site.sandbox, &spec, inner, run_limits(site)).await?)
}

pub(crate) fn run_limits(site: &Site) -> RunLimits {
    RunLimits {
        timeout: site.config.sandbox.test_timeout,
        output_bytes: OUTPUT_BYTES,
    }
}

/// The environment of test commands, checks and previews.
pub(crate) const COMMAND_ENVIRONMENT: &[(&str, &str)] =
    &[("PATH", SEARCH_PATH), ("LANG", "C.UTF-8"), ("CI", "true")];

/// Returns how a command ended, for people and models.
pub(crate) fn describe_exit(exit: SandboxExit) -> String {
    match exit {
        SandboxExit::Code(code) => format!("exit {code}"),
        SandboxExit::Signal(signal) => format!("signal {signal}"),
        SandboxExit::TimedOut => "timed out".to_owned(),
        SandboxExit::DiskQuotaExceeded => "took more of the disk than sandbox.diskBytes".to_owned(),
    }
}

//! Running a command on a commit in a throw-away sandbox: the judge of every merge and check.

use std::path::Path;

use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::error::WorkflowError;
use super::site::Site;
use super::workspace;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::secret::{SecretName, SecretUse};
use eklavya_git::remove_tree;
use eklavya_sandbox::{Access, CommandOutcome, Exit, Inner, Profile, RunLimits, Spec, run_program};
use eklavya_services::audit;
use eklavya_services::secrets::variables;

/// The file in a throw-away tree that names the process which runs there.
pub(super) const PROCESS: &str = "process";
/// Bytes kept of a command's output: enough for the tail of a test run.
const OUTPUT_BYTES: usize = 32 * 1024;

/// A command to be tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Trial {
    /// A line for `/bin/sh -c`.
    line: String,
    /// Its positional parameters.
    arguments: Vec<String>,
    /// For which use secrets are named that it is given.
    given: Option<SecretUse>,
}

impl Trial {
    /// Returns the trial of a line.
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            ..Self::default()
        }
    }

    /// Gives the line positional parameters (`"$@"`), which no shell reads.
    pub(super) fn with_arguments(self, arguments: Vec<String>) -> Self {
        Self { arguments, ..self }
    }

    /// Gives the line the secrets that the admin has named for `given`, as variables; they are
    /// hidden in what it prints.
    pub(super) fn given(self, given: SecretUse) -> Self {
        Self {
            given: Some(given),
            ..self
        }
    }

    fn inner(&self, secrets: &[(SecretName, SecretString)]) -> Inner {
        let mut args = vec!["-c", self.line.as_str()];
        if !self.arguments.is_empty() {
            // The first one is what the shell calls itself.
            args.push("sh");
            args.extend(self.arguments.iter().map(String::as_str));
        }
        let env = ENVIRONMENT.iter().copied();
        env.chain(variables(secrets))
            .fold(Inner::new("/bin/sh", args), |inner, (name, value)| {
                inner.env(name, value)
            })
    }
}

/// Runs a command on a copy of the tree of `commit`, without a network.
pub(super) async fn run(
    site: &Site,
    commit: &CommitId,
    trial: &Trial,
) -> Result<CommandOutcome, WorkflowError> {
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let secrets = match trial.given {
        Some(given) => site.secrets_for(given).await?,
        None => Vec::new(),
    };
    let outcome = run_at(site, &root, commit, trial, &secrets).await;
    remove_tree(&root).await?;
    let outcome = outcome?;
    let mut details = json!({
        "commit": commit, "command": trial.line, "exit": describe(outcome.exit),
        "passed": outcome.exit.is_success(),
    });
    if !trial.arguments.is_empty() {
        details["arguments"] = json!(trial.arguments);
    }
    let about = (Some(site.project().id), None);
    audit::note(&site.desk, &Actor::System, about, "trial.run", details).await?;
    Ok(outcome)
}

async fn run_at(
    site: &Site,
    root: &Path,
    commit: &CommitId,
    trial: &Trial,
    secrets: &[(SecretName, SecretString)],
) -> Result<CommandOutcome, WorkflowError> {
    let dirs = workspace::lay_out(site, root, commit).await?;
    let mut spec = Spec::new(Profile::Command(Access::Write), &dirs);
    spec.user = site.user;
    spec.labels = site.labels();
    spec.tmp_bytes = site.config.sandbox.tmp_bytes;
    spec.disk_bytes = site.config.sandbox.disk_bytes;
    spec.note = Some(root.join(PROCESS));
    spec.redactor = site.desk.redactor().clone();
    let inner = trial.inner(secrets);
    Ok(run_program(&site.sandbox, &spec, inner, limits(site)).await?)
}

/// Returns how long a command may run, and how much of its output is kept.
pub(super) fn limits(site: &Site) -> RunLimits {
    RunLimits {
        timeout: site.config.sandbox.test_timeout,
        output_bytes: OUTPUT_BYTES,
    }
}

/// The environment of test commands, checks and previews.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("LANG", "C.UTF-8"),
    ("CI", "true"),
];

/// Returns in words how a command ended.
pub(super) fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::TimedOut => "timed out".to_owned(),
        Exit::Outgrown => "took more of the disk than sandbox.diskBytes".to_owned(),
    }
}

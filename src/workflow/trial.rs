//! Running a command on a commit in a throw-away sandbox: the judge of every merge and check.

use std::path::Path;

use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::error::WorkflowError;
use super::site::Site;
use crate::domain::audit::Actor;
use crate::domain::commit::CommitId;
use crate::domain::secret::{SecretName, SecretUse};
use crate::sandbox::{
    Access, CommandOutcome, Dirs, Exit, Profile, RunLimits, Spec, hand_over, run_command,
};
use crate::services::audit;
use crate::services::secrets::variables;
use crate::vcs::remove_tree;

/// The file in a throw-away tree that names the process which runs there.
pub(super) const PROCESS: &str = "process";
/// Bytes kept of a command's output: enough for the tail of a test run.
const OUTPUT_BYTES: usize = 32 * 1024;

/// Runs `line` with a shell on a copy of the tree of `commit`, without a network. Its environment has
/// the secrets that the admin has named for `given`; they are hidden in what it prints.
pub(super) async fn run(
    site: &Site,
    commit: &CommitId,
    line: &str,
    given: SecretUse,
) -> Result<CommandOutcome, WorkflowError> {
    let root = site.paths.scratch().join(Uuid::new_v4().to_string());
    let secrets = site.secrets_for(given).await?;
    let outcome = run_at(site, &root, commit, line, &secrets).await;
    remove_tree(&root).await?;
    let outcome = outcome?;
    let details = json!({
        "commit": commit, "command": line, "exit": describe(outcome.exit),
        "passed": outcome.exit.is_success(),
    });
    let about = (Some(site.project().id), None);
    audit::note(&site.desk, &Actor::System, about, "trial.run", details).await?;
    Ok(outcome)
}

async fn run_at(
    site: &Site,
    root: &Path,
    commit: &CommitId,
    line: &str,
    secrets: &[(SecretName, SecretString)],
) -> Result<CommandOutcome, WorkflowError> {
    let dirs = Dirs::at(root);
    dirs.prepare(site.user)?;
    site.repository.checkout_tree(commit, &dirs.clone).await?;
    if let Some(user) = site.user {
        hand_over(&dirs.clone, user)?;
    }
    let mut spec = Spec::new(Profile::Command(Access::Write), &dirs);
    spec.user = site.user;
    spec.labels = site.labels();
    spec.tmp_bytes = site.config.sandbox.tmp_bytes;
    spec.disk_bytes = site.config.sandbox.disk_bytes;
    spec.note = Some(root.join(PROCESS));
    spec.redactor = site.desk.redactor().clone();
    let environment = [ENVIRONMENT, &variables(secrets)].concat();
    let limits = RunLimits {
        timeout: site.config.sandbox.test_timeout,
        output_bytes: OUTPUT_BYTES,
    };
    Ok(run_command(&site.sandbox, &spec, line, &environment, limits).await?)
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

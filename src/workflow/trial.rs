//! Running a command on a commit in a throw-away sandbox: the judge of every merge and check.

use std::path::Path;

use uuid::Uuid;

use super::error::WorkflowError;
use super::worker::Worker;
use crate::domain::commit::CommitId;
use crate::sandbox::{
    Access, CommandOutcome, Dirs, Exit, Profile, RunLimits, Spec, hand_over, run_command,
};
use crate::vcs::remove_tree;

/// Bytes kept of a command's output: enough for the tail of a test run.
const OUTPUT_BYTES: usize = 32 * 1024;

/// Runs `line` with a shell on a copy of the tree of `commit`, without a network.
pub(super) async fn run(
    worker: &Worker,
    commit: &CommitId,
    line: &str,
) -> Result<CommandOutcome, WorkflowError> {
    let root = worker.paths.scratch().join(Uuid::new_v4().to_string());
    let outcome = run_at(worker, &root, commit, line).await;
    remove_tree(&root).await?;
    outcome
}

async fn run_at(
    worker: &Worker,
    root: &Path,
    commit: &CommitId,
    line: &str,
) -> Result<CommandOutcome, WorkflowError> {
    let dirs = Dirs::at(root);
    dirs.prepare(worker.user)?;
    worker.repository.checkout_tree(commit, &dirs.clone).await?;
    if let Some(user) = worker.user {
        hand_over(&dirs.clone, user)?;
    }
    let mut spec = Spec::new(Profile::Command(Access::Write), &dirs);
    spec.user = worker.user;
    spec.tmp_bytes = worker.config.sandbox.tmp_bytes;
    let limits = RunLimits {
        timeout: worker.config.sandbox.test_timeout,
        output_bytes: OUTPUT_BYTES,
    };
    Ok(run_command(&worker.sandbox, &spec, line, ENVIRONMENT, limits).await?)
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
    }
}

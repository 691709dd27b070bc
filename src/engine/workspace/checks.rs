//! Running the checks of the plan on a commit, each at most once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::command::{self, SandboxedCommand};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck};
use eklavya_core::secret::SecretUse;
use eklavya_sandbox::CommandOutcome;

/// The checks that a verifier may run on a commit: only commands of the plan.
#[derive(Debug)]
pub(crate) struct PlanChecks {
    commit: CommitId,
    criteria: Vec<AcceptanceCriterion>,
    results: Mutex<BTreeMap<String, CheckResult>>,
}

#[derive(Debug, Clone)]
pub(crate) struct CheckResult {
    pub command: String,
    /// For people: `exit 0`, `signal 9`, `timed out`.
    pub exit: String,
    /// Whether the command exited with 0.
    pub passed: bool,
    pub output: String,
}

impl PlanChecks {
    pub(crate) fn new(commit: CommitId, criteria: Vec<AcceptanceCriterion>) -> Self {
        Self {
            commit,
            criteria,
            results: Mutex::default(),
        }
    }

    pub(crate) fn criteria(&self) -> &[AcceptanceCriterion] {
        &self.criteria
    }

    pub(crate) fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// Returns the command of a criterion; `None` if the criterion is unknown or is reviewed.
    pub(crate) fn find_command(&self, criterion: &str) -> Option<&str> {
        self.criteria
            .iter()
            .find(|c| c.id == criterion)
            .and_then(|c| match &c.check {
                CriterionCheck::Command { command } => Some(command.as_str()),
                CriterionCheck::Review { .. } => None,
            })
    }

    /// Runs the check of a criterion, or returns its earlier result.
    pub(crate) async fn run(
        &self,
        site: &Site,
        criterion: &str,
    ) -> Result<Option<CheckResult>, EngineError> {
        if let Some(result) = self.lock().get(criterion) {
            return Ok(Some(result.clone()));
        }
        let Some(line) = self.find_command(criterion).map(str::to_owned) else {
            return Ok(None);
        };
        let sandboxed = SandboxedCommand::new(&line).with_secrets(SecretUse::Checks);
        let outcome = command::run_on_commit(site, &self.commit, &sandboxed).await?;
        let result = CheckResult::from_outcome(line, &outcome);
        self.lock().insert(criterion.to_owned(), result.clone());
        Ok(Some(result))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, CheckResult>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckResult {
    fn from_outcome(command: String, outcome: &CommandOutcome) -> Self {
        Self {
            command,
            exit: command::describe_exit(outcome.exit),
            passed: outcome.exit.is_success(),
            output: outcome.output.clone(),
        }
    }
}

//! Running the plan's checks on a commit, and keeping what came of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::workspace::command::{self as trial, SandboxedCommand};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck};
use eklavya_core::secret::SecretUse;
use eklavya_sandbox::CommandOutcome;

/// The checks that a verifier may run: on this commit, and no other commands than the plan's.
#[derive(Debug)]
pub(crate) struct PlanChecks {
    commit: CommitId,
    criteria: Vec<AcceptanceCriterion>,
    ran: Mutex<BTreeMap<String, CheckResult>>,
}

/// What came of a check.
#[derive(Debug, Clone)]
pub(crate) struct CheckResult {
    /// The command.
    pub command: String,
    /// How it ended, in words.
    pub exit: String,
    /// Whether it exited with 0.
    pub passed: bool,
    /// What it printed.
    pub output: String,
}

impl PlanChecks {
    /// Returns the checks of `criteria` on `commit`, none of which has run yet.
    pub(crate) fn new(commit: CommitId, criteria: Vec<AcceptanceCriterion>) -> Self {
        Self {
            commit,
            criteria,
            ran: Mutex::default(),
        }
    }

    /// Returns the criteria.
    pub(crate) fn criteria(&self) -> &[AcceptanceCriterion] {
        &self.criteria
    }

    /// Returns the commit.
    pub(crate) fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// Returns the command of a criterion; none where there is no such criterion, or it is checked
    /// by reading.
    pub(crate) fn find_command(&self, criterion: &str) -> Option<&str> {
        self.criteria
            .iter()
            .find(|c| c.id == criterion)
            .and_then(|c| match &c.check {
                CriterionCheck::Command { command } => Some(command.as_str()),
                CriterionCheck::Review { .. } => None,
            })
    }

    /// Runs the check of a criterion, or returns what it found before.
    pub(crate) async fn run(
        &self,
        worker: &ProjectRun,
        criterion: &str,
    ) -> Result<Option<CheckResult>, EngineError> {
        if let Some(ran) = self.lock().get(criterion) {
            return Ok(Some(ran.clone()));
        }
        let Some(command) = self.find_command(criterion).map(str::to_owned) else {
            return Ok(None);
        };
        let trial = SandboxedCommand::new(&command).with_secrets(SecretUse::Checks);
        let outcome = trial::run_on_commit(&worker.site, &self.commit, &trial).await?;
        let ran = CheckResult::from_outcome(command, &outcome);
        self.lock().insert(criterion.to_owned(), ran.clone());
        Ok(Some(ran))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, CheckResult>> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckResult {
    fn from_outcome(command: String, outcome: &CommandOutcome) -> Self {
        Self {
            command,
            exit: trial::describe_exit(outcome.exit),
            passed: outcome.exit.is_success(),
            output: outcome.output.clone(),
        }
    }
}

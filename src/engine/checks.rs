//! Running the plan's checks on a commit, and keeping what came of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::error::WorkflowError;
use super::trial::{self, Trial};
use super::worker::Worker;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::plan_document::{Check, Criterion};
use eklavya_core::domain::secret::SecretUse;
use eklavya_sandbox::CommandOutcome;

/// The checks that a verifier may run: on this commit, and no other commands than the plan's.
#[derive(Debug)]
pub(super) struct Checks {
    commit: CommitId,
    criteria: Vec<Criterion>,
    ran: Mutex<BTreeMap<String, Ran>>,
}

/// What came of a check.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    /// The command.
    pub command: String,
    /// How it ended, in words.
    pub exit: String,
    /// Whether it exited with 0.
    pub passed: bool,
    /// What it printed.
    pub output: String,
}

impl Checks {
    /// Returns the checks of `criteria` on `commit`, none of which has run yet.
    pub(super) fn new(commit: CommitId, criteria: Vec<Criterion>) -> Self {
        Self {
            commit,
            criteria,
            ran: Mutex::default(),
        }
    }

    /// Returns the criteria.
    pub(super) fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// Returns the commit.
    pub(super) fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// Returns the command of a criterion; none where there is no such criterion, or it is checked
    /// by reading.
    pub(super) fn command(&self, criterion: &str) -> Option<&str> {
        self.criteria
            .iter()
            .find(|c| c.id == criterion)
            .and_then(|c| match &c.check {
                Check::Command { command } => Some(command.as_str()),
                Check::Review { .. } => None,
            })
    }

    /// Runs the check of a criterion, or returns what it found before.
    pub(super) async fn run(
        &self,
        worker: &Worker,
        criterion: &str,
    ) -> Result<Option<Ran>, WorkflowError> {
        if let Some(ran) = self.lock().get(criterion) {
            return Ok(Some(ran.clone()));
        }
        let Some(command) = self.command(criterion).map(str::to_owned) else {
            return Ok(None);
        };
        let trial = Trial::new(&command).given(SecretUse::Checks);
        let outcome = trial::run(&worker.site, &self.commit, &trial).await?;
        let ran = Ran::of(command, &outcome);
        self.lock().insert(criterion.to_owned(), ran.clone());
        Ok(Some(ran))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Ran>> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ran {
    fn of(command: String, outcome: &CommandOutcome) -> Self {
        Self {
            command,
            exit: trial::describe(outcome.exit),
            passed: outcome.exit.is_success(),
            output: outcome.output.clone(),
        }
    }
}

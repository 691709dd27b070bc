//! Judging handed-in work, by what kind of task it was.

use serde::Deserialize;

use super::agent_run::Run;
use super::checks::{Checks, Ran};
use super::error::WorkflowError;
use super::merge::{self, Merged};
use super::worker::Worker;
use super::{briefing, preview};
use eklavya_claude::schema;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::evidence::Evidence;
use eklavya_core::domain::ledger::BudgetScope;
use eklavya_core::domain::plan_document::{Check, Criterion, PlanDocument};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind};
use eklavya_git::VcsError;
use eklavya_sandbox::policy::{FileAccess, policy};
use eklavya_services::{evidence, plans, spawned, tasks};

/// What becomes of handed-in work.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is part of its branch as of this commit.
    Accepted(CommitId),
    /// It goes back.
    Returned {
        /// Why, for the agent.
        reason: String,
        /// What the next attempt starts from, where that is not its own clone as it is.
        base: Option<CommitId>,
    },
}

impl Verdict {
    fn returned(reason: impl Into<String>) -> Self {
        Self::Returned {
            reason: reason.into(),
            base: None,
        }
    }
}

/// Judges the work that was handed in for a task.
pub(super) async fn judge(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
) -> Result<Verdict, WorkflowError> {
    match task.kind {
        TaskKind::Requirements => document(worker, task, work, "docs/requirements.md").await,
        TaskKind::Architecture => architecture(worker, task, work).await,
        TaskKind::Demo => demo(worker, task, work).await,
        TaskKind::Build | TaskKind::Fix => build(worker, task, work).await,
        TaskKind::Verify => Ok(Verdict::Accepted(work.clone())),
    }
}

/// The longest document: it goes into the prompt of whoever comes next.
pub(super) const DOCUMENT_BYTES: u64 = 200_000;

/// A document must be there and say something before it becomes part of main.
async fn document(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
    path: &str,
) -> Result<Verdict, WorkflowError> {
    let found = worker
        .site
        .repository
        .file_at(work, path, DOCUMENT_BYTES)
        .await;
    let text = match found {
        Err(error @ VcsError::FileTooLarge { .. }) => {
            return Ok(Verdict::returned(format!("{error}. Shorten it.")));
        }
        found => found?,
    };
    if text.is_none_or(|text| text.trim_ascii().is_empty()) {
        return Ok(Verdict::returned(format!(
            "{path} is missing or empty. Write it before you finish."
        )));
    }
    Ok(of_merge(merge::into_main(worker, task, work, None).await?))
}

async fn architecture(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
) -> Result<Verdict, WorkflowError> {
    let problems = match &task.result {
        None => vec!["you returned no plan: call StructuredOutput with it".to_owned()],
        Some(answer) => plan_problems(worker, answer).await?,
    };
    if !problems.is_empty() {
        return Ok(Verdict::returned(problems.join("\n")));
    }
    document(worker, task, work, "docs/architecture.md").await
}

async fn plan_problems(
    worker: &Worker,
    answer: &serde_json::Value,
) -> Result<Vec<String>, WorkflowError> {
    let problems = schema::reasons(schema::plan_schema(), answer);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let plan = match read_plan(answer) {
        Ok(plan) => plan,
        Err(problem) => return Ok(vec![problem]),
    };
    let budget = worker
        .costs
        .show(BudgetScope::Project(worker.site.project().id))
        .await?;
    let left = budget.limit.map(|limit| limit.saturating_sub(budget.spent));
    Ok(plan.problems(left))
}

/// Reads a plan as the Architect returned it.
pub(super) fn read_plan(answer: &serde_json::Value) -> Result<PlanDocument, String> {
    PlanDocument::deserialize(answer).map_err(|error| format!("the plan cannot be read: {error}"))
}

/// A demo must answer before anybody is asked to look at it.
async fn demo(worker: &Worker, task: &Task, work: &CommitId) -> Result<Verdict, WorkflowError> {
    if let Some(returned) = lost_directories(worker, work).await? {
        return Ok(returned);
    }
    match preview::try_out(&worker.site, task, work).await? {
        preview::Tried::Answered => Ok(Verdict::Accepted(work.clone())),
        preview::Tried::Failed(reason) => Ok(Verdict::returned(reason)),
    }
}

async fn build(worker: &Worker, task: &Task, work: &CommitId) -> Result<Verdict, WorkflowError> {
    if policy(task.role).leads() {
        return handed_out(worker, task, work).await;
    }
    if task.attempt == 1 && Some(work) == task.base_commit.as_ref() {
        return Ok(Verdict::returned(
            "You changed no file. If nothing is left to do, say why; otherwise do the task.",
        ));
    }
    if let Some(returned) = lost_directories(worker, work).await? {
        return Ok(returned);
    }
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let merged = merge::into_main(worker, task, work, Some(&plan.test_command)).await?;
    Ok(of_merge(merged))
}

/// Who writes nothing has others do the work, which is judged when it comes in.
async fn handed_out(
    worker: &Worker,
    task: &Task,
    work: &CommitId,
) -> Result<Verdict, WorkflowError> {
    let all = tasks::list(&worker.site.desk, task.project).await?;
    let any = spawned::of(&all, &task.key).next().is_some();
    if any || task.attempt > 1 {
        return Ok(Verdict::Accepted(work.clone()));
    }
    Ok(Verdict::returned(
        "You spawned no agent. If nothing is left to do, say why; otherwise hand the task out.",
    ))
}

fn of_merge(merged: Merged) -> Verdict {
    match merged {
        Merged::In(commit) => Verdict::Accepted(commit),
        Merged::Conflict { marked, paths } => conflict(&paths, marked),
        Merged::Unresolved(paths) => Verdict::returned(format!(
            "Conflict markers (<<<<<<<, =======, >>>>>>>) are left in these files:\n{}\nResolve \
             every one of them so that both intentions hold.",
            listed(&paths)
        )),
        Merged::Red { merged, output } => red(&output, merged),
    }
}

fn listed(paths: &[String]) -> String {
    let lines: Vec<String> = paths.iter().map(|path| format!("- {path}")).collect();
    lines.join("\n")
}

/// Says which directories that other roles write in are none any more: what is mounted for those
/// roles must be a directory, and a link could lead anywhere.
async fn lost_directories(
    worker: &Worker,
    work: &CommitId,
) -> Result<Option<Verdict>, WorkflowError> {
    let mut shared: Vec<&str> = Role::ALL
        .into_iter()
        .filter_map(|role| match policy(role).files {
            FileAccess::Write(prefixes) => Some(prefixes),
            FileAccess::Read | FileAccess::Full => None,
        })
        .flatten()
        .copied()
        .collect();
    shared.dedup();
    let lost = worker
        .site
        .repository
        .not_directories(work, &shared)
        .await?;
    Ok((!lost.is_empty()).then(|| {
        Verdict::returned(format!(
            "Other roles write in these, so each must be a directory of its own, and no link or \
             file:\n{}",
            listed(&lost)
        ))
    }))
}

fn conflict(paths: &[String], marked: CommitId) -> Verdict {
    Verdict::Returned {
        reason: format!(
            "While you worked, others changed main, and your work contradicts theirs in these \
             files:\n{}\nYour clone now holds both: the files above have conflict markers \
             (<<<<<<<, =======, >>>>>>>). Resolve every one of them so that both intentions hold, \
             and leave no marker behind.",
            listed(paths)
        ),
        base: Some(marked),
    }
}

fn red(output: &str, merged: CommitId) -> Verdict {
    Verdict::Returned {
        reason: format!(
            "Your work was merged with main, and the test command failed on the result. Your clone \
             now holds that merged state. Make it pass. {output}"
        ),
        base: Some(merged),
    }
}

/// The verdicts as a verifier returns them.
#[derive(Debug, Default, Deserialize)]
struct Verdicts {
    #[serde(default)]
    verdicts: Vec<OneVerdict>,
}

#[derive(Debug, Deserialize)]
struct OneVerdict {
    criterion: String,
    pass: bool,
    #[serde(default)]
    reason: String,
}

/// Keeps the evidence for every criterion of a verify task: the check's own outcome, which the
/// verifier cannot change, and the verifier's word, which can only make it worse.
pub(super) async fn keep_evidence(
    worker: &Worker,
    run: &Run,
    checks: &Checks,
    answer: Option<&serde_json::Value>,
) -> Result<(), WorkflowError> {
    let verdicts = answer
        .and_then(|answer| Verdicts::deserialize(answer).ok())
        .unwrap_or_default()
        .verdicts;
    for criterion in checks.criteria() {
        let said = verdicts
            .iter()
            .find(|verdict| verdict.criterion == criterion.id);
        let ran = checks.run(worker, &criterion.id).await?;
        let (passed, reason) = weigh(criterion, ran.as_ref(), said);
        let found = Evidence {
            project: run.task.project,
            round: briefing::round_of(&run.task),
            criterion: criterion.id.clone(),
            commit: checks.commit().clone(),
            agent: run.agent.id,
            role: run.agent.role,
            command: ran.as_ref().map(|ran| ran.command.clone()),
            exit: ran.as_ref().map(|ran| ran.exit.clone()),
            output: ran.map(|ran| ran.output).unwrap_or_default(),
            passed,
            reason,
            created_at: worker.site.desk.now(),
        };
        evidence::record(&worker.site.desk, &found).await?;
    }
    Ok(())
}

fn weigh(criterion: &Criterion, ran: Option<&Ran>, said: Option<&OneVerdict>) -> (bool, String) {
    let word = said
        .map(|verdict| verdict.reason.clone())
        .unwrap_or_default();
    match (&criterion.check, ran, said) {
        (Check::Command { .. }, Some(ran), said) => {
            let passed = ran.passed && said.is_none_or(|verdict| verdict.pass);
            let reason = if word.is_empty() {
                format!("the check ended with {}", ran.exit)
            } else {
                word
            };
            (passed, reason)
        }
        (Check::Command { .. }, None, _) => (false, "the check was not run".to_owned()),
        (Check::Review { .. }, _, Some(verdict)) => (verdict.pass, word),
        (Check::Review { .. }, _, None) => (false, "nobody gave a verdict".to_owned()),
    }
}

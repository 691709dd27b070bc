//! Judging handed-in work, by what kind of task it was.

use serde::Deserialize;

use crate::agent::prompt;
use crate::agent::run::FinishedAgent;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::preview::demo;
use crate::workspace::checks::{CheckResult, PlanChecks};
use crate::workspace::merge::{self, MainMergeOutcome};
use eklavya_claude::schema;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ledger::BudgetScope;
use eklavya_core::plan::document::{AcceptanceCriterion, CriterionCheck, PlanDocument};
use eklavya_core::task::evidence::Evidence;
use eklavya_core::task::{Task, TaskKind};
use eklavya_git::GitError;
use eklavya_sandbox::role_policy::{FileAccess, role_policy};
use eklavya_services::{evidence, plans, spawned_tasks, tasks};

/// What becomes of handed-in work.
#[derive(Debug)]
pub(crate) enum AcceptanceVerdict {
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

impl AcceptanceVerdict {
    fn returned(reason: impl Into<String>) -> Self {
        Self::Returned {
            reason: reason.into(),
            base: None,
        }
    }
}

/// Judges the work that was handed in for a task.
pub(crate) async fn accept_submission(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    match task.kind {
        TaskKind::Requirements => accept_document(worker, task, work, "docs/requirements.md").await,
        TaskKind::Architecture => accept_architecture(worker, task, work).await,
        TaskKind::Demo => accept_demo(worker, task, work).await,
        TaskKind::Build | TaskKind::Fix => accept_build(worker, task, work).await,
        TaskKind::Verify => Ok(AcceptanceVerdict::Accepted(work.clone())),
    }
}

/// The longest document: it goes into the prompt of whoever comes next.
pub(crate) const DOCUMENT_BYTES: u64 = 200_000;

/// A document must be there and say something before it becomes part of main.
async fn accept_document(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
    path: &str,
) -> Result<AcceptanceVerdict, EngineError> {
    let found = worker
        .site
        .repository
        .read_file(work, path, DOCUMENT_BYTES)
        .await;
    let text = match found {
        Err(error @ GitError::FileTooLarge { .. }) => {
            return Ok(AcceptanceVerdict::returned(format!("{error}. Shorten it.")));
        }
        found => found?,
    };
    if text.is_none_or(|text| text.trim_ascii().is_empty()) {
        return Ok(AcceptanceVerdict::returned(format!(
            "{path} is missing or empty. Write it before you finish."
        )));
    }
    Ok(verdict_of_merge(
        merge::merge_into_main(worker, task, work, None).await?,
    ))
}

async fn accept_architecture(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    let problems = match &task.result {
        None => vec!["you returned no plan: call StructuredOutput with it".to_owned()],
        Some(answer) => find_plan_problems(worker, answer).await?,
    };
    if !problems.is_empty() {
        return Ok(AcceptanceVerdict::returned(problems.join("\n")));
    }
    accept_document(worker, task, work, "docs/architecture.md").await
}

async fn find_plan_problems(
    worker: &ProjectRun,
    answer: &serde_json::Value,
) -> Result<Vec<String>, EngineError> {
    let problems = schema::find_violations(schema::plan_schema(), answer);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let plan = match parse_plan(answer) {
        Ok(plan) => plan,
        Err(problem) => return Ok(vec![problem]),
    };
    let budget = worker
        .costs
        .find_budget(BudgetScope::Project(worker.site.project().id))
        .await?;
    let left = budget.limit.map(|limit| limit.saturating_sub(budget.spent));
    Ok(plan.find_problems(left))
}

/// Reads a plan as the Architect returned it.
pub(crate) fn parse_plan(answer: &serde_json::Value) -> Result<PlanDocument, String> {
    PlanDocument::deserialize(answer).map_err(|error| format!("the plan cannot be read: {error}"))
}

/// A demo must answer before anybody is asked to look at it.
async fn accept_demo(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    if let Some(returned) = find_lost_directories(worker, work).await? {
        return Ok(returned);
    }
    match demo::start_submitted_demo(&worker.site, task, work).await? {
        demo::DemoPreviewResult::Answered => Ok(AcceptanceVerdict::Accepted(work.clone())),
        demo::DemoPreviewResult::Failed(reason) => Ok(AcceptanceVerdict::returned(reason)),
    }
}

async fn accept_build(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    if role_policy(task.role).may_spawn_agents() {
        return accept_delegation(worker, task, work).await;
    }
    if task.attempt == 1 && Some(work) == task.base_commit.as_ref() {
        return Ok(AcceptanceVerdict::returned(
            "You changed no file. If nothing is left to do, say why; otherwise do the task.",
        ));
    }
    if let Some(returned) = find_lost_directories(worker, work).await? {
        return Ok(returned);
    }
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let merged = merge::merge_into_main(worker, task, work, Some(&plan.test_command)).await?;
    Ok(verdict_of_merge(merged))
}

/// Who writes nothing has others do the work, which is judged when it comes in.
async fn accept_delegation(
    worker: &ProjectRun,
    task: &Task,
    work: &CommitId,
) -> Result<AcceptanceVerdict, EngineError> {
    let all = tasks::list(&worker.site.data, task.project).await?;
    let any = spawned_tasks::children_of(&all, &task.key).next().is_some();
    if any || task.attempt > 1 {
        return Ok(AcceptanceVerdict::Accepted(work.clone()));
    }
    Ok(AcceptanceVerdict::returned(
        "You spawned no agent. If nothing is left to do, say why; otherwise hand the task out.",
    ))
}

fn verdict_of_merge(merged: MainMergeOutcome) -> AcceptanceVerdict {
    match merged {
        MainMergeOutcome::Merged(commit) => AcceptanceVerdict::Accepted(commit),
        MainMergeOutcome::Conflict { marked, paths } => conflict_verdict(&paths, marked),
        MainMergeOutcome::UnresolvedMarkers(paths) => AcceptanceVerdict::returned(format!(
            "Conflict markers (<<<<<<<, =======, >>>>>>>) are left in these files:\n{}\nResolve \
             every one of them so that both intentions hold.",
            bullet_list(&paths)
        )),
        MainMergeOutcome::TestsFailed { merged, output } => failed_tests_verdict(&output, merged),
    }
}

fn bullet_list(paths: &[String]) -> String {
    let lines: Vec<String> = paths.iter().map(|path| format!("- {path}")).collect();
    lines.join("\n")
}

/// Says which directories that other roles write in are none any more: what is mounted for those
/// roles must be a directory, and a link could lead anywhere.
async fn find_lost_directories(
    worker: &ProjectRun,
    work: &CommitId,
) -> Result<Option<AcceptanceVerdict>, EngineError> {
    let mut shared: Vec<&str> = Role::ALL
        .into_iter()
        .filter_map(|role| match role_policy(role).files {
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
        .list_non_directories(work, &shared)
        .await?;
    Ok((!lost.is_empty()).then(|| {
        AcceptanceVerdict::returned(format!(
            "Other roles write in these, so each must be a directory of its own, and no link or \
             file:\n{}",
            bullet_list(&lost)
        ))
    }))
}

fn conflict_verdict(paths: &[String], marked: CommitId) -> AcceptanceVerdict {
    AcceptanceVerdict::Returned {
        reason: format!(
            "While you worked, others changed main, and your work contradicts theirs in these \
             files:\n{}\nYour clone now holds both: the files above have conflict markers \
             (<<<<<<<, =======, >>>>>>>). Resolve every one of them so that both intentions hold, \
             and leave no marker behind.",
            bullet_list(paths)
        ),
        base: Some(marked),
    }
}

fn failed_tests_verdict(output: &str, merged: CommitId) -> AcceptanceVerdict {
    AcceptanceVerdict::Returned {
        reason: format!(
            "Your work was merged with main, and the test command failed on the result. Your clone \
             now holds that merged state. Make it pass. {output}"
        ),
        base: Some(merged),
    }
}

/// The verdicts as a verifier returns them.
#[derive(Debug, Default, Deserialize)]
struct VerifierAnswer {
    #[serde(default)]
    verdicts: Vec<CriterionVerdict>,
}

#[derive(Debug, Deserialize)]
struct CriterionVerdict {
    criterion: String,
    pass: bool,
    #[serde(default)]
    reason: String,
}

/// Keeps the evidence for every criterion of a verify task: the check's own outcome, which the
/// verifier cannot change, and the verifier's word, which can only make it worse.
pub(crate) async fn record_evidence(
    worker: &ProjectRun,
    run: &FinishedAgent,
    checks: &PlanChecks,
    answer: Option<&serde_json::Value>,
) -> Result<(), EngineError> {
    let verdicts = answer
        .and_then(|answer| VerifierAnswer::deserialize(answer).ok())
        .unwrap_or_default()
        .verdicts;
    for criterion in checks.criteria() {
        let said = verdicts
            .iter()
            .find(|verdict| verdict.criterion == criterion.id);
        let ran = checks.run(worker, &criterion.id).await?;
        let (passed, reason) = weigh_evidence(criterion, ran.as_ref(), said);
        let found = Evidence {
            project: run.task.project,
            round: prompt::verification_round(&run.task),
            criterion: criterion.id.clone(),
            commit: checks.commit().clone(),
            agent: run.agent.id,
            role: run.agent.role,
            command: ran.as_ref().map(|ran| ran.command.clone()),
            exit: ran.as_ref().map(|ran| ran.exit.clone()),
            output: ran.map(|ran| ran.output).unwrap_or_default(),
            passed,
            reason,
            created_at: worker.site.data.now(),
        };
        evidence::record(&worker.site.data, &found).await?;
    }
    Ok(())
}

fn weigh_evidence(
    criterion: &AcceptanceCriterion,
    ran: Option<&CheckResult>,
    said: Option<&CriterionVerdict>,
) -> (bool, String) {
    let word = said
        .map(|verdict| verdict.reason.clone())
        .unwrap_or_default();
    match (&criterion.check, ran, said) {
        (CriterionCheck::Command { .. }, Some(ran), said) => {
            let passed = ran.passed && said.is_none_or(|verdict| verdict.pass);
            let reason = if word.is_empty() {
                format!("the check ended with {}", ran.exit)
            } else {
                word
            };
            (passed, reason)
        }
        (CriterionCheck::Command { .. }, None, _) => (false, "the check was not run".to_owned()),
        (CriterionCheck::Review { .. }, _, Some(verdict)) => (verdict.pass, word),
        (CriterionCheck::Review { .. }, _, None) => (false, "nobody gave a verdict".to_owned()),
    }
}

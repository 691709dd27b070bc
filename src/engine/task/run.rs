//! One task, from attempt to attempt until it is done or the admin must decide.

use std::sync::Arc;

use super::accept::AcceptanceVerdict;
use super::kinds::verify::record_evidence;
use super::kinds::{PromptContext, TaskSubmission, render_prompt, rules_for};
use super::outcome::{self, AttemptOutcome};
use super::transition::{advance_task, record_end, record_end_in, return_or_block};
use crate::agent::prompt::render_resume_prompt;
use crate::agent::run::{self as agent_run, AgentBrief, AgentStart, DrivenAgent, FinishedAgent};
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::workspace::checks::PlanChecks;
use crate::workspace::collect::CollectedCommit;
use crate::workspace::{clone, collect};
use eklavya_core::agent::AgentEvent;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::TaskId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::{Task, TaskEvent, TaskState};
use eklavya_sandbox::DiskQuotaExceeded;
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{agents, plans, projects, tasks};

/// Works on a task until it is done or blocked.
///
/// # Errors
/// Everything that stops the stage: the budget, the model endpoint, the admin, a fault. The task is
/// then pending or submitted, and a later call resumes it.
pub(crate) async fn run_task(run: &ProjectRun, id: TaskId) -> Result<(), EngineError> {
    let mut failures = 0;
    loop {
        if let Some(reason) = run.stop.reason() {
            return Err(EngineError::Stopped(reason));
        }
        let task = tasks::reload(&run.site.data, id).await?;
        match &task.state {
            TaskState::Pending => Box::pin(run_attempt(run, task, &mut failures)).await?,
            TaskState::Submitted { commit, .. } => {
                let commit = commit.clone();
                accept_or_return(run, task, &commit).await?;
            }
            TaskState::Done { .. } | TaskState::Blocked { .. } | TaskState::Cancelled { .. } => {
                return Ok(());
            }
            TaskState::Running { .. } => {
                let key = task.key;
                let reason = format!("another agent is already working on task {key}");
                return Err(EngineError::Failed(reason));
            }
        }
    }
}

/// Runs one agent on the task. `failures` counts the agents in a row that died or hung.
async fn run_attempt(run: &ProjectRun, task: Task, failures: &mut u32) -> Result<(), EngineError> {
    let site = &*run.site;
    let checks = load_plan_checks(site, &task).await?;
    let finished = run_agent(run, task, checks.clone()).await?;
    let silence = site.config.agents.silence;
    match outcome::classify_end(&site.data, &run.stop, silence, &finished).await? {
        AttemptOutcome::Completed { text, answer } => {
            submit_work(site, &finished, &text, answer, checks).await
        }
        AttemptOutcome::Killed => block_killed(site, &finished).await,
        AttemptOutcome::Stopped(error) => {
            let event = AgentEvent::Interrupt;
            checkpoint_and_release(site, &finished, &error.to_string(), event).await?;
            Err(error)
        }
        AttemptOutcome::StageFailed(error) => {
            record_stage_failure(site, &finished, &error).await?;
            Err(error)
        }
        AttemptOutcome::AgentFailed(reason) => {
            *failures += 1;
            retry_or_block(site, &finished, reason, *failures).await
        }
        AttemptOutcome::ConversationLost(reason) => {
            *failures += 1;
            // First the files: if the worker dies before the record, the next agent starts anew, too.
            clone::discard_home(site, finished.agent.session).await?;
            retry_or_block(site, &finished, reason, *failures).await
        }
        AttemptOutcome::DiskQuotaExceeded(exceeded) => {
            discard_and_return(site, &finished, &exceeded).await
        }
        AttemptOutcome::TaskFailed(reason) => return_failed(site, &finished, reason).await,
    }
}

/// Runs an agent on a pending task as soon as this machine has room for it.
async fn run_agent(
    run: &ProjectRun,
    task: Task,
    checks: Option<Arc<PlanChecks>>,
) -> Result<FinishedAgent, EngineError> {
    let start = agent_run::start_agent(run, task).await?;
    let driven = Box::pin(brief_and_drive(run, &start, checks)).await;
    start.finish(&run.site.data, driven).await
}

/// Renders the prompt only now: main may have moved while the agent waited for room.
async fn brief_and_drive(
    run: &ProjectRun,
    start: &AgentStart,
    checks: Option<Arc<PlanChecks>>,
) -> Result<DrivenAgent, EngineError> {
    let workspace = start.prepare_workspace(&run.site).await?;
    let prompt = if start.resumes_conversation(&workspace) {
        render_resume_prompt("the run was interrupted")?
    } else {
        render_prompt(PromptContext {
            site: &run.site,
            costs: &run.costs,
            task: &start.task,
            base: &workspace.base,
        })
        .await?
    };
    let brief = AgentBrief {
        prompt,
        answer_schema: rules_for(start.task.kind).answer_schema(),
        checks,
    };
    start.drive(run, &workspace, brief).await
}

/// Returns `None` for a kind of task without checks.
async fn load_plan_checks(
    site: &Site,
    task: &Task,
) -> Result<Option<Arc<PlanChecks>>, EngineError> {
    if !rules_for(task.kind).has_checks() {
        return Ok(None);
    }
    let plan = plans::approved_document(&site.data, site.project()).await?;
    let commit = clone::choose_base(site, task).await?;
    let own = plan
        .criteria
        .into_iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(Some(Arc::new(PlanChecks::new(commit, own.collect()))))
}

async fn block_killed(site: &Site, finished: &FinishedAgent) -> Result<(), EngineError> {
    let id = finished.agent.id.short();
    collect::checkpoint_agent(site, &finished.agent, &finished.task, "it was killed").await?;
    let question = format!("agent {id} was killed; try again?");
    let event = TaskEvent::Block { question };
    advance_task(&site.data, &finished.task, event, TaskUpdate::default()).await
}

async fn return_failed(
    site: &Site,
    finished: &FinishedAgent,
    reason: String,
) -> Result<(), EngineError> {
    let (event, update) = return_or_block(&site.config.stages, &finished.task, &reason, None);
    let fail = AgentEvent::Fail { reason };
    record_end(&site.data, finished, fail, event, update).await
}

/// Records that the stage cannot continue: the budget or the model endpoint prevents it.
async fn record_stage_failure(
    site: &Site,
    finished: &FinishedAgent,
    error: &EngineError,
) -> Result<(), EngineError> {
    let reason = error.to_string();
    collect::checkpoint_agent(site, &finished.agent, &finished.task, &reason).await?;
    let mut change = site.data.begin(&AuditActor::System).await?;
    let event = AgentEvent::Fail {
        reason: reason.clone(),
    };
    let (interrupt, update) = (TaskEvent::Interrupt, TaskUpdate::default());
    record_end_in(&mut change, finished, event, interrupt, update).await?;
    agents::notify_stopped_in(&mut change, &finished.agent, &reason).await?;
    Ok(change.commit().await?)
}

/// Removes the workspace of an agent that filled the disk. The next agent is told why and gets a
/// new workspace. The files are kept as far as possible.
async fn discard_and_return(
    site: &Site,
    finished: &FinishedAgent,
    exceeded: &DiskQuotaExceeded,
) -> Result<(), EngineError> {
    let reason = format!("The work was stopped: {exceeded}. The files are gone; take less space.");
    let (agent, task) = (&finished.agent, &finished.task);
    if let Err(error) = collect::checkpoint_agent(site, agent, task, &reason).await {
        let id = agent.id.short();
        tracing::warn!("agent {id} exceeded the disk quota and its files are not kept: {error}");
    }
    let event = AgentEvent::Fail {
        reason: exceeded.to_string(),
    };
    let (task_event, update) = return_or_block(&site.config.stages, task, &reason, None);
    let update = TaskUpdate {
        session: Some(None),
        ..update
    };
    // First the files, then the record: a worker that dies in between does this once more.
    clone::discard_session(&site.paths, agent.session).await?;
    record_end(&site.data, finished, event, task_event, update).await
}

/// Keeps the agent's work and releases its task; the next agent resumes the conversation.
async fn checkpoint_and_release(
    site: &Site,
    finished: &FinishedAgent,
    reason: &str,
    event: AgentEvent,
) -> Result<(), EngineError> {
    collect::checkpoint_agent(site, &finished.agent, &finished.task, reason).await?;
    let (interrupt, update) = (TaskEvent::Interrupt, TaskUpdate::default());
    record_end(&site.data, finished, event, interrupt, update).await
}

/// Lets another agent resume the conversation of one that died or hung, up to `agents.retries`
/// times in a row.
async fn retry_or_block(
    site: &Site,
    finished: &FinishedAgent,
    reason: String,
    failures: u32,
) -> Result<(), EngineError> {
    let event = AgentEvent::Fail {
        reason: reason.clone(),
    };
    if failures <= site.config.agents.retries {
        return checkpoint_and_release(site, finished, &reason, event).await;
    }
    collect::checkpoint_agent(site, &finished.agent, &finished.task, &reason).await?;
    let question = format!("{failures} agents in a row ended early ({reason}); try again?");
    let block = TaskEvent::Block { question };
    record_end(&site.data, finished, event, block, TaskUpdate::default()).await
}

async fn submit_work(
    site: &Site,
    finished: &FinishedAgent,
    text: &str,
    answer: Option<serde_json::Value>,
    checks: Option<Arc<PlanChecks>>,
) -> Result<(), EngineError> {
    let (agent, task) = (&finished.agent, &finished.task);
    let message = agent_run::commit_message(task, agent, text);
    let work = collect::collect_work(site, agent, task, &message).await?;
    for left_out in &work.left_out {
        tracing::warn!("{}: left out of the commit: {left_out}", task.key);
    }
    if let Some(checks) = &checks {
        record_evidence(site, finished, checks, answer.as_ref()).await?;
    }
    let (event, update) = match refusal_of(&work, task) {
        Some(reason) => return_or_block(&site.config.stages, task, &reason, None),
        None => submit_event(work.commit, answer),
    };
    record_end(&site.data, finished, AgentEvent::Complete, event, update).await
}

fn submit_event(commit: CommitId, answer: Option<serde_json::Value>) -> (TaskEvent, TaskUpdate) {
    let update = TaskUpdate {
        result: answer,
        ..TaskUpdate::default()
    };
    (TaskEvent::Submit { commit }, update)
}

/// Returns why the work is not taken, for the agent.
fn refusal_of(work: &CollectedCommit, task: &Task) -> Option<String> {
    if !work.withheld.is_empty() {
        return Some(describe_withheld(&work.withheld));
    }
    (!work.forbidden.is_empty()).then(|| {
        format!(
            "A {} may not change these files: {}. Your work was not taken.",
            task.role,
            work.forbidden.join(", ")
        )
    })
}

/// Names the files that must not be committed, never the values in them.
fn describe_withheld(files: &[String]) -> String {
    format!(
        "Your work was not taken because these files must not be committed:\n- {}\nRemove the \
         files, or the secrets in them. Programs read keys and passwords from environment \
         variables; list the variables in a file like .env.example, without values.",
        files.join("\n- ")
    )
}

async fn accept_or_return(
    run: &ProjectRun,
    task: Task,
    commit: &CommitId,
) -> Result<(), EngineError> {
    let site = &*run.site;
    let submission = TaskSubmission {
        site,
        costs: &run.costs,
        merge_lock: &run.merge_lock,
        task: &task,
        commit,
    };
    match rules_for(task.kind).accept(submission).await? {
        AcceptanceVerdict::Accepted(commit) => record_acceptance(site, &task, commit).await,
        AcceptanceVerdict::Returned { reason, base } => {
            if let (Some(_), Some(session)) = (&base, task.session) {
                clone::discard_clone(site, session).await?;
            }
            let (event, update) = return_or_block(&site.config.stages, &task, &reason, base);
            advance_task(&site.data, &task, event, update).await
        }
    }
}

async fn record_acceptance(site: &Site, task: &Task, commit: CommitId) -> Result<(), EngineError> {
    let update = TaskUpdate {
        feedback: Some(None),
        ..TaskUpdate::default()
    };
    advance_task(&site.data, task, TaskEvent::Accept { commit }, update).await?;
    projects::record_progress(&site.data, site.project()).await?;
    Ok(())
}

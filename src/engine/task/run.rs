//! One task, from attempt to attempt until it is done or the admin must decide.

use std::sync::Arc;

use super::accept::{self, AcceptanceVerdict};
use crate::agent::run::{self as agent_run, FinishedAgent};
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::workspace::checks::PlanChecks;
use crate::workspace::{clone, collect};
use eklavya_claude::session::outcome::{FailureReason, SessionEnd};
use eklavya_core::agent::{AgentEvent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::TaskId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::{Task, TaskEvent, TaskKind, TaskState};
use eklavya_gateway::DoorError;
use eklavya_sandbox::DiskQuotaExceeded;
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{Transaction, agents, plans, projects, tasks};

/// Works on a task until it is done or blocked.
///
/// # Errors
/// Whatever stops the stage: the budget, the model endpoint, the admin, a fault. The task is then
/// pending or submitted, and goes on from there.
pub(crate) async fn run_task(worker: &Arc<ProjectRun>, id: TaskId) -> Result<(), EngineError> {
    let mut troubles = 0;
    loop {
        if let Some(reason) = worker.stop.reason() {
            return Err(EngineError::Stopped(reason));
        }
        let task = tasks::reload(&worker.site.data, id).await?;
        match &task.state {
            TaskState::Pending => Box::pin(run_attempt(worker, task, &mut troubles)).await?,
            TaskState::Submitted { commit, .. } => {
                let commit = commit.clone();
                accept_or_return(worker, task, &commit).await?;
            }
            TaskState::Done { .. } | TaskState::Blocked { .. } | TaskState::Cancelled { .. } => {
                return Ok(());
            }
            TaskState::Running { .. } => {
                return Err(EngineError::Failed(format!(
                    "task {} is being worked on by somebody else",
                    task.key
                )));
            }
        }
    }
}

async fn run_attempt(
    worker: &Arc<ProjectRun>,
    task: Task,
    troubles: &mut u32,
) -> Result<(), EngineError> {
    let checks = match task.kind {
        TaskKind::Verify => Some(Arc::new(load_plan_checks(worker, &task).await?)),
        TaskKind::Requirements
        | TaskKind::Architecture
        | TaskKind::Demo
        | TaskKind::Build
        | TaskKind::Fix => None,
    };
    let run = agent_run::run_agent(worker, task, checks.clone()).await?;
    match classify_end(worker, &run).await? {
        AttemptOutcome::Completed { said, answer } => {
            submit_work(worker, &run, &said, answer, checks).await
        }
        AttemptOutcome::Killed => {
            let id = run.agent.id.short();
            collect::checkpoint_agent(worker, &run.agent, &run.task, "it was killed").await?;
            let question = format!("agent {id} was killed; try again?");
            let note = TaskUpdate::default();
            advance_task(worker, &run.task, TaskEvent::Block { question }, note).await
        }
        AttemptOutcome::Stopped(error) => {
            checkpoint_and_release(worker, &run, &error.to_string(), AgentEvent::Interrupt).await?;
            Err(error)
        }
        AttemptOutcome::StageFailed(error) => {
            let reason = error.to_string();
            let event = AgentEvent::Fail {
                reason: reason.clone(),
            };
            collect::checkpoint_agent(worker, &run.agent, &run.task, &reason).await?;
            let mut change = worker.site.data.begin(&AuditActor::System).await?;
            let (interrupt, note) = (TaskEvent::Interrupt, TaskUpdate::default());
            record_end_in(&mut change, &run, event, interrupt, note).await?;
            agents::notify_stopped_in(&mut change, &run.agent, &reason).await?;
            change.commit().await?;
            Err(error)
        }
        AttemptOutcome::AgentFailed(reason) => {
            *troubles += 1;
            retry_or_block(worker, &run, reason, *troubles).await
        }
        AttemptOutcome::DiskQuotaExceeded(outgrown) => {
            discard_and_return(worker, &run, &outgrown).await
        }
        AttemptOutcome::TaskFailed(reason) => {
            let event = AgentEvent::Fail {
                reason: reason.clone(),
            };
            let (task_event, note) = return_or_block(worker, &run.task, &reason, None);
            record_end(worker, &run, event, task_event, note).await
        }
    }
}

/// Makes room where an agent filled the disk: its workspace goes, and the next one, who is told
/// why, gets a new one. What can be kept of the files is.
async fn discard_and_return(
    worker: &ProjectRun,
    run: &FinishedAgent,
    outgrown: &DiskQuotaExceeded,
) -> Result<(), EngineError> {
    let reason = format!("The work was stopped: {outgrown}. What was there is gone; take less.");
    if let Err(error) = collect::checkpoint_agent(worker, &run.agent, &run.task, &reason).await {
        let id = run.agent.id.short();
        tracing::warn!("the files of agent {id}, which were too many, are not kept: {error}");
    }
    let event = AgentEvent::Fail {
        reason: outgrown.to_string(),
    };
    let (task_event, note) = return_or_block(worker, &run.task, &reason, None);
    let note = TaskUpdate {
        session: Some(None),
        ..note
    };
    // Before it is written down: a worker that dies in between does this once more.
    clone::discard_session(worker, run.agent.session).await?;
    record_end(worker, run, event, task_event, note).await
}

/// Keeps what the agent did and puts its task down, to go on later in the same conversation.
async fn checkpoint_and_release(
    worker: &ProjectRun,
    run: &FinishedAgent,
    reason: &str,
    event: AgentEvent,
) -> Result<(), EngineError> {
    collect::checkpoint_agent(worker, &run.agent, &run.task, reason).await?;
    let note = TaskUpdate::default();
    record_end(worker, run, event, TaskEvent::Interrupt, note).await
}

/// Lets another agent go on in the conversation of one that died or hung, a limited number of
/// times in a row.
async fn retry_or_block(
    worker: &ProjectRun,
    run: &FinishedAgent,
    reason: String,
    times: u32,
) -> Result<(), EngineError> {
    let event = AgentEvent::Fail {
        reason: reason.clone(),
    };
    if times <= worker.site.config.agents.retries {
        return checkpoint_and_release(worker, run, &reason, event).await;
    }
    collect::checkpoint_agent(worker, &run.agent, &run.task, &reason).await?;
    let question = format!("{times} agents in a row ended early ({reason}); try again?");
    let block = TaskEvent::Block { question };
    record_end(worker, run, event, block, TaskUpdate::default()).await
}

/// What the end of a run means for its task.
enum AttemptOutcome {
    /// The agent says that it is done.
    Completed {
        said: String,
        answer: Option<serde_json::Value>,
    },
    /// The admin killed the agent.
    Killed,
    /// The work is being stopped.
    Stopped(EngineError),
    /// Nobody can go on: budget, model endpoint.
    StageFailed(EngineError),
    /// The agent died or hung; another may go on.
    AgentFailed(String),
    /// The agent failed at the task; it is told why.
    TaskFailed(String),
    /// The agent took more of the disk than it may.
    DiskQuotaExceeded(DiskQuotaExceeded),
}

async fn classify_end(
    worker: &ProjectRun,
    run: &FinishedAgent,
) -> Result<AttemptOutcome, EngineError> {
    let agent = agents::get(&worker.site.data, run.agent.id).await?;
    if matches!(agent.state, AgentState::Killed { .. }) {
        return Ok(AttemptOutcome::Killed);
    }
    Ok(match &run.ended {
        SessionEnd::Completed { text, structured } => AttemptOutcome::Completed {
            said: text.clone(),
            answer: structured.clone(),
        },
        SessionEnd::Interrupted | SessionEnd::Killed => {
            match (worker.stop.reason(), &run.disk_quota_exceeded) {
                (Some(reason), _) => AttemptOutcome::Stopped(EngineError::Stopped(reason)),
                (None, Some(outgrown)) => AttemptOutcome::DiskQuotaExceeded(outgrown.clone()),
                (None, None) => AttemptOutcome::AgentFailed("its process was killed".to_owned()),
            }
        }
        SessionEnd::Silent => AttemptOutcome::AgentFailed(format!(
            "it gave no sign of life for {} s",
            worker.site.config.agents.silence.as_secs()
        )),
        SessionEnd::Failed { reason, message } => classify_failure(worker, run, reason, message),
    })
}

fn classify_failure(
    worker: &ProjectRun,
    run: &FinishedAgent,
    reason: &FailureReason,
    message: &str,
) -> AttemptOutcome {
    if let Some(stop) = worker.stop.reason() {
        return AttemptOutcome::Stopped(EngineError::Stopped(stop));
    }
    match (reason, &run.problem) {
        (FailureReason::ApiError { .. }, Some(problem)) => classify_door_problem(worker, problem),
        (FailureReason::ApiError { .. }, None)
        | (
            FailureReason::ProcessDied
            | FailureReason::StartFailed
            | FailureReason::ToolsUnavailable
            | FailureReason::UnknownSession
            | FailureReason::SessionInUse,
            _,
        ) => AttemptOutcome::AgentFailed(message.to_owned()),
        (
            FailureReason::ContextFull
            | FailureReason::MaxTurns
            | FailureReason::Schema
            | FailureReason::BudgetCap
            | FailureReason::Other(_),
            _,
        ) => AttemptOutcome::TaskFailed(message.to_owned()),
    }
}

fn classify_door_problem(worker: &ProjectRun, problem: &DoorError) -> AttemptOutcome {
    let text = problem.to_string();
    match problem {
        DoorError::OverBudget(_) => AttemptOutcome::StageFailed(EngineError::OverBudget(text)),
        DoorError::Unscripted(_) => AttemptOutcome::StageFailed(EngineError::Rehearsal(text)),
        DoorError::Unauthorized { .. }
        | DoorError::Unreachable(_)
        | DoorError::ModelNotFound { .. }
        | DoorError::RateLimitedTooLong(_)
        | DoorError::Ledger(_) => AttemptOutcome::StageFailed(EngineError::Model(text)),
        DoorError::Refused { .. } if worker.rehearsal.is_some() => {
            AttemptOutcome::AgentFailed(text)
        }
        DoorError::Refused { .. } => AttemptOutcome::AgentFailed(text),
    }
}

async fn submit_work(
    worker: &ProjectRun,
    run: &FinishedAgent,
    said: &str,
    answer: Option<serde_json::Value>,
    checks: Option<Arc<PlanChecks>>,
) -> Result<(), EngineError> {
    let message = agent_run::commit_message(&run.task, &run.agent, said);
    let work = collect::collect_work(worker, &run.agent, &run.task, &message).await?;
    for left_out in &work.left_out {
        tracing::warn!("{}: left out of the commit: {left_out}", run.task.key);
    }
    if let Some(checks) = &checks {
        accept::record_evidence(worker, run, checks, answer.as_ref()).await?;
    }
    let (event, note) = if !work.withheld.is_empty() {
        return_or_block(worker, &run.task, &describe_withheld(&work.withheld), None)
    } else if work.forbidden.is_empty() {
        let note = TaskUpdate {
            result: answer,
            ..TaskUpdate::default()
        };
        (
            TaskEvent::Submit {
                commit: work.commit,
            },
            note,
        )
    } else {
        let reason = format!(
            "A {} may not change these files: {}. Your work was not taken.",
            run.task.role,
            work.forbidden.join(", ")
        );
        return_or_block(worker, &run.task, &reason, None)
    };
    record_end(worker, run, AgentEvent::Complete, event, note).await
}

/// Says what may not be committed. Files are named, values are not.
fn describe_withheld(files: &[String]) -> String {
    format!(
        "Your work was not taken, since these files must not be committed:\n- {}\nRemove them, or what is secret in \
         them. Programs read keys and passwords from environment variables; show which by a file \
         like .env.example, without values.",
        files.join("\n- ")
    )
}

async fn accept_or_return(
    worker: &Arc<ProjectRun>,
    task: Task,
    work: &CommitId,
) -> Result<(), EngineError> {
    match accept::accept_submission(worker, &task, work).await? {
        AcceptanceVerdict::Accepted(commit) => {
            let note = TaskUpdate {
                feedback: Some(None),
                ..TaskUpdate::default()
            };
            advance_task(worker, &task, TaskEvent::Accept { commit }, note).await?;
            projects::record_progress(&worker.site.data, worker.site.project()).await?;
            Ok(())
        }
        AcceptanceVerdict::Returned { reason, base } => {
            if let (Some(_), Some(session)) = (&base, task.session) {
                clone::discard_clone(worker, session).await?;
            }
            let (event, note) = return_or_block(worker, &task, &reason, base);
            advance_task(worker, &task, event, note).await
        }
    }
}

/// Returns how a task is sent back with a reason; where that was done often enough, the admin is
/// asked.
///
/// `base` is the commit that the next attempt's clone starts from; without it the clone stays.
fn return_or_block(
    worker: &ProjectRun,
    task: &Task,
    reason: &str,
    base: Option<CommitId>,
) -> (TaskEvent, TaskUpdate) {
    let stages = &worker.site.config.stages;
    let limit = match task.kind {
        TaskKind::Requirements | TaskKind::Architecture => stages.plan_attempts,
        TaskKind::Demo | TaskKind::Build | TaskKind::Fix | TaskKind::Verify => {
            stages.build_attempts
        }
    };
    let note = TaskUpdate {
        feedback: Some(Some(reason.to_owned())),
        base_commit: base,
        ..TaskUpdate::default()
    };
    if task.attempt < limit {
        return (TaskEvent::Return, note);
    }
    let question = format!(
        "not accepted after {} attempts; the last reason: {}",
        task.attempt,
        first_lines(reason)
    );
    (TaskEvent::Block { question }, note)
}

fn first_lines(text: &str) -> String {
    let short: String = text.lines().take(6).collect::<Vec<_>>().join("\n");
    short.chars().take(600).collect()
}

async fn advance_task(
    worker: &ProjectRun,
    task: &Task,
    event: TaskEvent,
    note: TaskUpdate,
) -> Result<(), EngineError> {
    tasks::advance(&worker.site.data, &AuditActor::System, task, event, note).await?;
    Ok(())
}

/// Writes down the end of an agent and what it means for its task, both or neither.
async fn record_end(
    worker: &ProjectRun,
    run: &FinishedAgent,
    agent: AgentEvent,
    task: TaskEvent,
    note: TaskUpdate,
) -> Result<(), EngineError> {
    let mut change = worker.site.data.begin(&AuditActor::System).await?;
    record_end_in(&mut change, run, agent, task, note).await?;
    Ok(change.commit().await?)
}

async fn record_end_in(
    change: &mut Transaction,
    run: &FinishedAgent,
    agent: AgentEvent,
    task: TaskEvent,
    note: TaskUpdate,
) -> Result<(), EngineError> {
    agents::advance_in(change, run.agent.id, agent, None).await?;
    tasks::advance_in(change, &run.task, &task, note).await?;
    Ok(())
}

async fn load_plan_checks(worker: &ProjectRun, task: &Task) -> Result<PlanChecks, EngineError> {
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let commit = match &task.base_commit {
        Some(base) if task.session.is_some() => base.clone(),
        Some(_) | None => worker.site.main_commit().await?,
    };
    let own = plan
        .criteria
        .into_iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(PlanChecks::new(commit, own.collect()))
}

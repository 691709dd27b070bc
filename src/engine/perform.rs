//! One task, from attempt to attempt until it is done or the admin must decide.

use std::sync::Arc;

use super::accept::{self, Verdict};
use super::agent_run::{self, Run};
use super::checks::Checks;
use super::error::WorkflowError;
use super::worker::Worker;
use super::{collect, workspace};
use eklavya_claude::outcome::{Ended, FailureReason};
use eklavya_core::domain::agent::{AgentEvent, AgentState};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::ids::TaskId;
use eklavya_core::domain::task::{Task, TaskEvent, TaskKind, TaskState};
use eklavya_gateway::DoorProblem;
use eklavya_sandbox::Outgrown;
use eklavya_services::tasks::TaskNote;
use eklavya_services::{Change, agents, plans, projects, tasks};

/// Works on a task until it is done or blocked.
///
/// # Errors
/// Whatever stops the stage: the budget, the model endpoint, the admin, a fault. The task is then
/// pending or submitted, and goes on from there.
pub(super) async fn perform(worker: &Arc<Worker>, id: TaskId) -> Result<(), WorkflowError> {
    let mut troubles = 0;
    loop {
        if let Some(reason) = worker.stop.reason() {
            return Err(WorkflowError::Stopped(reason));
        }
        let task = tasks::reload(&worker.site.desk, id).await?;
        match &task.state {
            TaskState::Pending => Box::pin(attempt(worker, task, &mut troubles)).await?,
            TaskState::Submitted { commit, .. } => {
                let commit = commit.clone();
                judge(worker, task, &commit).await?;
            }
            TaskState::Done { .. } | TaskState::Blocked { .. } | TaskState::Cancelled { .. } => {
                return Ok(());
            }
            TaskState::Running { .. } => {
                return Err(WorkflowError::Failed(format!(
                    "task {} is being worked on by somebody else",
                    task.key
                )));
            }
        }
    }
}

async fn attempt(
    worker: &Arc<Worker>,
    task: Task,
    troubles: &mut u32,
) -> Result<(), WorkflowError> {
    let checks = match task.kind {
        TaskKind::Verify => Some(Arc::new(checks_of(worker, &task).await?)),
        TaskKind::Requirements
        | TaskKind::Architecture
        | TaskKind::Demo
        | TaskKind::Build
        | TaskKind::Fix => None,
    };
    let run = agent_run::run(worker, task, checks.clone()).await?;
    match end_of(worker, &run).await? {
        End::Done { said, answer } => submit(worker, &run, &said, answer, checks).await,
        End::Killed => {
            let id = run.agent.id.short();
            collect::checkpoint(worker, &run.agent, &run.task, "it was killed").await?;
            let question = format!("agent {id} was killed; try again?");
            let note = TaskNote::default();
            advance(worker, &run.task, TaskEvent::Block { question }, note).await
        }
        End::Stopped(error) => {
            put_down(worker, &run, &error.to_string(), AgentEvent::Interrupt).await?;
            Err(error)
        }
        End::Fatal(error) => {
            let reason = error.to_string();
            let event = AgentEvent::Fail {
                reason: reason.clone(),
            };
            collect::checkpoint(worker, &run.agent, &run.task, &reason).await?;
            let mut change = worker.site.desk.change(&Actor::System).await?;
            let (interrupt, note) = (TaskEvent::Interrupt, TaskNote::default());
            close_in(&mut change, &run, event, interrupt, note).await?;
            agents::stopped_in(&mut change, &run.agent, &reason).await?;
            change.commit().await?;
            Err(error)
        }
        End::Trouble(reason) => {
            *troubles += 1;
            trouble(worker, &run, reason, *troubles).await
        }
        End::Outgrown(outgrown) => start_over(worker, &run, &outgrown).await,
        End::Unusable(reason) => {
            let event = AgentEvent::Fail {
                reason: reason.clone(),
            };
            let (task_event, note) = sent_back(worker, &run.task, &reason, None);
            close(worker, &run, event, task_event, note).await
        }
    }
}

/// Makes room where an agent filled the disk: its workspace goes, and the next one, who is told
/// why, gets a new one. What can be kept of the files is.
async fn start_over(worker: &Worker, run: &Run, outgrown: &Outgrown) -> Result<(), WorkflowError> {
    let reason = format!("The work was stopped: {outgrown}. What was there is gone; take less.");
    if let Err(error) = collect::checkpoint(worker, &run.agent, &run.task, &reason).await {
        let id = run.agent.id.short();
        tracing::warn!("the files of agent {id}, which were too many, are not kept: {error}");
    }
    let event = AgentEvent::Fail {
        reason: outgrown.to_string(),
    };
    let (task_event, note) = sent_back(worker, &run.task, &reason, None);
    let note = TaskNote {
        session: Some(None),
        ..note
    };
    // Before it is written down: a worker that dies in between does this once more.
    workspace::discard(worker, run.agent.session).await?;
    close(worker, run, event, task_event, note).await
}

/// Keeps what the agent did and puts its task down, to go on later in the same conversation.
async fn put_down(
    worker: &Worker,
    run: &Run,
    reason: &str,
    event: AgentEvent,
) -> Result<(), WorkflowError> {
    collect::checkpoint(worker, &run.agent, &run.task, reason).await?;
    let note = TaskNote::default();
    close(worker, run, event, TaskEvent::Interrupt, note).await
}

/// Lets another agent go on in the conversation of one that died or hung, a limited number of
/// times in a row.
async fn trouble(
    worker: &Worker,
    run: &Run,
    reason: String,
    times: u32,
) -> Result<(), WorkflowError> {
    let event = AgentEvent::Fail {
        reason: reason.clone(),
    };
    if times <= worker.site.config.agents.retries {
        return put_down(worker, run, &reason, event).await;
    }
    collect::checkpoint(worker, &run.agent, &run.task, &reason).await?;
    let question = format!("{times} agents in a row ended early ({reason}); try again?");
    let block = TaskEvent::Block { question };
    close(worker, run, event, block, TaskNote::default()).await
}

/// What the end of a run means for its task.
enum End {
    /// The agent says that it is done.
    Done {
        said: String,
        answer: Option<serde_json::Value>,
    },
    /// The admin killed the agent.
    Killed,
    /// The work is being stopped.
    Stopped(WorkflowError),
    /// Nobody can go on: budget, model endpoint.
    Fatal(WorkflowError),
    /// The agent died or hung; another may go on.
    Trouble(String),
    /// The agent failed at the task; it is told why.
    Unusable(String),
    /// The agent took more of the disk than it may.
    Outgrown(Outgrown),
}

async fn end_of(worker: &Worker, run: &Run) -> Result<End, WorkflowError> {
    let agent = agents::get(&worker.site.desk, run.agent.id).await?;
    if matches!(agent.state, AgentState::Killed { .. }) {
        return Ok(End::Killed);
    }
    Ok(match &run.ended {
        Ended::Completed { text, structured } => End::Done {
            said: text.clone(),
            answer: structured.clone(),
        },
        Ended::Interrupted | Ended::Killed => match (worker.stop.reason(), &run.outgrown) {
            (Some(reason), _) => End::Stopped(WorkflowError::Stopped(reason)),
            (None, Some(outgrown)) => End::Outgrown(outgrown.clone()),
            (None, None) => End::Trouble("its process was killed".to_owned()),
        },
        Ended::Silent => End::Trouble(format!(
            "it gave no sign of life for {} s",
            worker.site.config.agents.silence.as_secs()
        )),
        Ended::Failed { reason, message } => failed(worker, run, reason, message),
    })
}

fn failed(worker: &Worker, run: &Run, reason: &FailureReason, message: &str) -> End {
    if let Some(stop) = worker.stop.reason() {
        return End::Stopped(WorkflowError::Stopped(stop));
    }
    match (reason, &run.problem) {
        (FailureReason::ApiError { .. }, Some(problem)) => door_problem(worker, problem),
        (FailureReason::ApiError { .. }, None)
        | (
            FailureReason::ProcessDied
            | FailureReason::StartFailed
            | FailureReason::ToolsUnavailable
            | FailureReason::UnknownSession
            | FailureReason::SessionInUse,
            _,
        ) => End::Trouble(message.to_owned()),
        (
            FailureReason::ContextFull
            | FailureReason::MaxTurns
            | FailureReason::Schema
            | FailureReason::BudgetCap
            | FailureReason::Other(_),
            _,
        ) => End::Unusable(message.to_owned()),
    }
}

fn door_problem(worker: &Worker, problem: &DoorProblem) -> End {
    let text = problem.to_string();
    match problem {
        DoorProblem::OverBudget(_) => End::Fatal(WorkflowError::OverBudget(text)),
        DoorProblem::Unscripted(_) => End::Fatal(WorkflowError::Rehearsal(text)),
        DoorProblem::Unauthorized { .. }
        | DoorProblem::Unreachable(_)
        | DoorProblem::ModelNotFound { .. }
        | DoorProblem::RateLimitedTooLong(_)
        | DoorProblem::Ledger(_) => End::Fatal(WorkflowError::Model(text)),
        DoorProblem::Refused { .. } if worker.rehearsal.is_some() => End::Trouble(text),
        DoorProblem::Refused { .. } => End::Trouble(text),
    }
}

async fn submit(
    worker: &Worker,
    run: &Run,
    said: &str,
    answer: Option<serde_json::Value>,
    checks: Option<Arc<Checks>>,
) -> Result<(), WorkflowError> {
    let message = agent_run::message(&run.task, &run.agent, said);
    let work = collect::collect(worker, &run.agent, &run.task, &message).await?;
    for left_out in &work.left_out {
        tracing::warn!("{}: left out of the commit: {left_out}", run.task.key);
    }
    if let Some(checks) = &checks {
        accept::keep_evidence(worker, run, checks, answer.as_ref()).await?;
    }
    let (event, note) = if !work.withheld.is_empty() {
        sent_back(worker, &run.task, &withheld(&work.withheld), None)
    } else if work.forbidden.is_empty() {
        let note = TaskNote {
            result: answer,
            ..TaskNote::default()
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
        sent_back(worker, &run.task, &reason, None)
    };
    close(worker, run, AgentEvent::Complete, event, note).await
}

/// Says what may not be committed. Files are named, values are not.
fn withheld(files: &[String]) -> String {
    format!(
        "Your work was not taken, since these files must not be committed:\n- {}\nRemove them, or what is secret in \
         them. Programs read keys and passwords from environment variables; show which by a file \
         like .env.example, without values.",
        files.join("\n- ")
    )
}

async fn judge(worker: &Arc<Worker>, task: Task, work: &CommitId) -> Result<(), WorkflowError> {
    match accept::judge(worker, &task, work).await? {
        Verdict::Accepted(commit) => {
            let note = TaskNote {
                feedback: Some(None),
                ..TaskNote::default()
            };
            advance(worker, &task, TaskEvent::Accept { commit }, note).await?;
            projects::note_progress(&worker.site.desk, worker.site.project()).await?;
            Ok(())
        }
        Verdict::Returned { reason, base } => {
            if let (Some(_), Some(session)) = (&base, task.session) {
                workspace::discard_clone(worker, session).await?;
            }
            let (event, note) = sent_back(worker, &task, &reason, base);
            advance(worker, &task, event, note).await
        }
    }
}

/// Returns how a task is sent back with a reason; where that was done often enough, the admin is
/// asked.
///
/// `base` is the commit that the next attempt's clone starts from; without it the clone stays.
fn sent_back(
    worker: &Worker,
    task: &Task,
    reason: &str,
    base: Option<CommitId>,
) -> (TaskEvent, TaskNote) {
    let stages = &worker.site.config.stages;
    let limit = match task.kind {
        TaskKind::Requirements | TaskKind::Architecture => stages.plan_attempts,
        TaskKind::Demo | TaskKind::Build | TaskKind::Fix | TaskKind::Verify => {
            stages.build_attempts
        }
    };
    let note = TaskNote {
        feedback: Some(Some(reason.to_owned())),
        base_commit: base,
        ..TaskNote::default()
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

async fn advance(
    worker: &Worker,
    task: &Task,
    event: TaskEvent,
    note: TaskNote,
) -> Result<(), WorkflowError> {
    tasks::advance(&worker.site.desk, &Actor::System, task, event, note).await?;
    Ok(())
}

/// Writes down the end of an agent and what it means for its task, both or neither.
async fn close(
    worker: &Worker,
    run: &Run,
    agent: AgentEvent,
    task: TaskEvent,
    note: TaskNote,
) -> Result<(), WorkflowError> {
    let mut change = worker.site.desk.change(&Actor::System).await?;
    close_in(&mut change, run, agent, task, note).await?;
    Ok(change.commit().await?)
}

async fn close_in(
    change: &mut Change,
    run: &Run,
    agent: AgentEvent,
    task: TaskEvent,
    note: TaskNote,
) -> Result<(), WorkflowError> {
    agents::advance_in(change, run.agent.id, agent, None).await?;
    tasks::advance_in(change, &run.task, &task, note).await?;
    Ok(())
}

async fn checks_of(worker: &Worker, task: &Task) -> Result<Checks, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let commit = match &task.base_commit {
        Some(base) if task.session.is_some() => base.clone(),
        Some(_) | None => worker.site.main().await?,
    };
    let own = plan
        .criteria
        .into_iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(Checks::new(commit, own.collect()))
}
